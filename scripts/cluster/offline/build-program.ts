import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGoProgram, findGoProgram } from '@darkroom/testing/go';
import { findGo } from '@darkroom/testing/go/find';
import { repository } from '../../repository.ts';
import { exec } from '../exec.ts';
import type { Steps } from '../steps.ts';
import { fingerprintOf } from './cache.ts';
import { type GoProgram, type ProgramName, programs } from './programs.ts';

const folderOf = (module: string) => join(repository, 'platform/tools', module);

const OTHERWISE = 'give the cluster registries that answer';

/**
 * A program that is built from its pinned Go module, once, and kept in the cache folder.
 *
 * @returns its path
 * @throws Error that says what to do when there is no Go, or when the build fails
 */
export async function buildProgram(
  name: ProgramName,
  { steps, signal }: { steps: Pick<Steps, 'say'>; signal?: AbortSignal },
): Promise<string> {
  const program = await pinned(name);
  return buildGoProgram({
    ...program,
    takes: 'a few minutes',
    otherwise: OTHERWISE,
    say: steps.say,
    ...(signal && { signal }),
  });
}

/** The path of such a program where it was built before. */
export const findProgram = async (name: ProgramName): Promise<string | undefined> =>
  findGoProgram(await pinned(name));

/** What a program is built of, with a version that changes with any of it. */
async function pinned(name: ProgramName) {
  const program: GoProgram = programs[name];
  const folder = folderOf(program.module);
  const sources = (await readdir(folder)).filter((file) => /\.(go|mod|sum)$/.test(file)).sort();
  const values = Object.entries(program.values ?? {}).map(([key, value]) => `-X ${key}=${value}`);
  const flags = [
    ...(program.tags === undefined ? [] : ['-tags', program.tags]),
    ...['-ldflags', ['-s', '-w', ...values].join(' ')],
  ];
  const version = await fingerprintOf(
    sources.map((file) => join(folder, file)),
    JSON.stringify(flags),
  );
  return { name, folder, flags, package: program.package, version };
}

/** The folder of a Go module that a tool is pinned to, for the files beside its code. */
export async function moduleFolder(
  tool: string,
  path: string,
  { say }: Pick<Steps, 'say'>,
): Promise<string> {
  const go = await findGo({ name: tool, otherwise: OTHERWISE, say });
  const out = await exec(go, ['mod', 'download', '-json', path], {
    cwd: folderOf(tool),
    env: { GOWORK: 'off', GOFLAGS: '-mod=readonly' },
  });
  return (JSON.parse(out) as { Dir: string }).Dir;
}
