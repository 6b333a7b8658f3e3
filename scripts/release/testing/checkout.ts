import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinhole } from '@darkroom/pinhole';
import { exec } from '../../cluster/exec.ts';
import { repository } from '../../repository.ts';
import { buildRelease, type ReleaseParts } from '../build-release.ts';

/** A digest of one digit, 64 times. */
export const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

/** A commit of this repository's manifests in a folder of its own, and all that a release of it takes. */
export type Checkout = {
  /** A temporary folder around all of it. */
  root: string;
  /** The folder of the checkout. */
  folder: string;
  parts: ReleaseParts;
  git(...args: string[]): Promise<string>;
  /** Builds a release into a new folder. */
  build(changed?: Partial<ReleaseParts>): ReturnType<typeof buildRelease>;
  remove(): void;
};

export async function createCheckout(): Promise<Checkout> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-release-test-'));
  const folder = join(root, 'checkout');
  const git = (...args: string[]) =>
    exec('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], {
      cwd: folder,
    });
  mkdirSync(folder);
  for (const each of ['platform', 'package.json', 'package-lock.json']) {
    cpSync(join(repository, each), join(folder, each), { recursive: true });
  }
  const report = join(root, 'results.json');
  writeFileSync(
    report,
    '{ "numPassedTests": 7, "numFailedTests": 0, "numPendingTests": 1, "success": true }',
  );
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'all');
  const parts: ReleaseParts = {
    repository: folder,
    images: {
      'darkroom/frontend': digest('1'),
      'darkroom/worker': digest('2'),
      'darkroom/deletion-cost': digest('3'),
      'darkroom/drift': digest('7'),
      'darkroom/gpu-simulator': digest('4'),
      'docker.io/library/rabbitmq': digest('5'),
      'docker.io/cloudnativelabs/kube-router': digest('6'),
    },
    models: { pinhole: pinhole.folder },
    reports: [report],
  };
  let releases = 0;
  return {
    root,
    folder,
    parts,
    git,
    build: (changed = {}) =>
      buildRelease({ ...parts, ...changed }, join(root, `releases-${++releases}`)),
    remove: () => rmSync(root, { recursive: true }),
  };
}
