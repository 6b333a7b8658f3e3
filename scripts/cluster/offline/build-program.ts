import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../../containers/docker.ts';
import { exec } from '../exec.ts';
import type { Steps } from '../steps.ts';
import { cacheFolder, fingerprintOf, whole } from './cache.ts';
import { type GoProgram, type ProgramName, programs } from './programs.ts';

/**
 * A program that is built from its pinned Go module, once, and kept in the cache folder.
 *
 * @returns its path
 * @throws ExecError with the compiler's words
 */
export async function buildProgram(
  name: ProgramName,
  { steps, signal }: { steps: Steps; signal?: AbortSignal },
): Promise<string> {
  const program: GoProgram = programs[name];
  const module = join(repository, 'platform/tools', program.module);
  const sources = (await readdir(module)).filter((file) => /\.(go|mod|sum)$/.test(file)).sort();
  const values = Object.entries(program.values ?? {}).map(([key, value]) => `-X ${key}=${value}`);
  const flags = [
    ...(program.tags === undefined ? [] : ['-tags', program.tags]),
    ...['-ldflags', ['-s', '-w', ...values].join(' ')],
  ];
  const key = await fingerprintOf(
    sources.map((file) => join(module, file)),
    JSON.stringify([flags, process.arch]),
  );
  const path = join(cacheFolder, 'programs', `${program.name}-${key}`, program.name);
  if (existsSync(path)) return path;
  await steps.step(`building ${program.name} from its Go module`, () =>
    whole(path, async (unfinished) => {
      await exec(
        'go',
        ['build', '-mod=readonly', '-trimpath', ...flags, '-o', unfinished, program.package],
        {
          cwd: module,
          env: { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-buildvcs=false', GOROOT: undefined },
          timeoutMs: 3_600_000,
          ...(signal && { signal }),
        },
      );
    }),
  );
  return path;
}

/** The folder of a Go module that a tool is pinned to, for the files beside its code. */
export async function moduleFolder(tool: string, path: string): Promise<string> {
  const out = await exec('go', ['mod', 'download', '-json', path], {
    cwd: join(repository, 'platform/tools', tool),
    env: { GOWORK: 'off', GOFLAGS: '-mod=readonly' },
  });
  return (JSON.parse(out) as { Dir: string }).Dir;
}
