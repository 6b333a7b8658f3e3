import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pinhole } from '@darkroom/pinhole';
import { parse } from 'yaml';
import { exec } from '../../cluster/exec.ts';
import { buildRelease } from '../../release/build-release.ts';
import { repository } from '../../repository.ts';

/** Digests by the names that a release has for images. */
export type Images = Readonly<Record<string, string>>;

/** A repository of its own with what releases are made of, so that tests may commit to it. */
export type ReleaseSource = {
  /** The folder that releases are built into. */
  releases: string;
  /** Commits another content of a file of platform/. */
  change(path: string, edit: (text: string) => string): Promise<void>;
  /** @returns the release's name */
  build(images: Images): Promise<string>;
  remove(): Promise<void>;
};

export async function createReleaseSource(): Promise<ReleaseSource> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-releases-'));
  const checkout = join(folder, 'checkout');
  const git = (...args: string[]) =>
    exec('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', ...args], {
      cwd: checkout,
    });
  const commit = async (message: string) => {
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '--message', message);
  };
  await mkdir(checkout);
  await cp(join(repository, 'platform'), join(checkout, 'platform'), { recursive: true });
  await cp(join(repository, 'package.json'), join(checkout, 'package.json'));
  await git('init', '--quiet');
  await commit('Begin');
  const releases = join(folder, 'releases');
  return {
    releases,
    change: async (path, edit) => {
      const file = join(checkout, 'platform', path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, edit(await readFile(file, 'utf8')));
      await commit(`Change ${path}`);
    },
    build: async (images) => {
      const models = { [pinhole.name]: pinhole.folder };
      const { lock } = await buildRelease(
        { repository: checkout, images, models, reports: [] },
        releases,
      );
      return lock.release;
    },
    remove: () => rm(folder, { recursive: true }),
  };
}

/** The digests of the images that `cluster up` put into a cluster's registry, by their names in releases. */
export async function imagesOf(clusterFolder: string): Promise<Images> {
  const file = join(clusterFolder, 'apps', 'kustomization.yaml');
  const { images } = parse(await readFile(file, 'utf8')) as {
    images: { name: string; digest: string }[];
  };
  return Object.fromEntries(
    images.map(({ name, digest }) => [name.replace('localhost:5001/', ''), digest]),
  );
}
