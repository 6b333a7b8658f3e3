import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { cacheFolder } from '../cache-folder.ts';
import { inherited } from '../servers/config.ts';
import { BuildFailure } from './build-failure.ts';
import { findGo } from './find-go.ts';
import { oneAtATime } from './one-at-a-time.ts';

export type GoProgram = {
  name: string;
  /** As pinned by the go.mod in `folder`; another one is built anew. */
  version: string;
  /** Where the go.mod and go.sum are that pin the program and all that it is built of. */
  folder: string;
  /** The package of the program's `main`. */
  package: string;
  /** Further arguments of `go build`; without any, the program is stripped. */
  flags?: readonly string[];
  /** With code in C, which takes a compiler of it. */
  cgo?: boolean;
  /** About how long a build takes, for who waits: "a minute". */
  takes: string;
  /** What else there is than to install Go, for who has none: a sentence without an end. */
  otherwise: string;
  /** For what happens, a line each. */
  say: (line: string) => void;
  /** Ends a build. */
  signal?: AbortSignal;
};

/**
 * A program built from its pinned Go module, once for all checkouts: it is kept in the cache folder
 * (`~/.cache/darkroom`).
 *
 * @returns its path
 * @throws BuildFailure when there is no Go, or when the build fails; the signal's reason once it aborts
 */
export async function buildGoProgram(program: GoProgram): Promise<string> {
  const file = pathOf(program);
  if (existsSync(file)) return file;
  await mkdir(dirname(file), { recursive: true });
  return oneAtATime(`${file}.lock`, async () => {
    if (!existsSync(file)) await build(program, file);
    return file;
  });
}

/** The path of a program that was built before; undefined where it was not. */
export function findGoProgram(program: Pick<GoProgram, 'name' | 'version'>): string | undefined {
  const file = pathOf(program);
  return existsSync(file) ? file : undefined;
}

const pathOf = ({ name, version }: Pick<GoProgram, 'name' | 'version'>) =>
  join(cacheFolder, `${name}-${version}-${process.platform}-${process.arch}`, name);

async function build(program: GoProgram, file: string): Promise<void> {
  const { name, version, say, signal } = program;
  const go = await findGo(program);
  // Renamed when it is whole, so that nobody ever runs half of it.
  const unfinished = `${file}.${process.pid}`;
  say(`building ${name} ${version} from its Go module, once, about ${program.takes} …`);
  const began = performance.now();
  const progress = setInterval(() => {
    say(`building ${name} … ${Math.round((performance.now() - began) / 1_000)} s`);
  }, 15_000);
  try {
    const { flags = ['-ldflags=-s -w'] } = program;
    const args = ['build', '-mod=readonly', '-trimpath', ...flags, '-o', unfinished];
    signal?.throwIfAborted();
    const child = spawn(go, [...args, program.package], {
      cwd: program.folder,
      env: { ...inherited, GOWORK: 'off', GOROOT: undefined, CGO_ENABLED: program.cgo ? '1' : '0' },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      process.stderr.write(text);
      told += text;
    });
    const end = () => child.kill();
    signal?.addEventListener('abort', end);
    const [code] = await once(child, 'close');
    signal?.removeEventListener('abort', end);
    signal?.throwIfAborted();
    if (code !== 0) {
      const why = told.includes('no space left on device')
        ? 'the disk is full; free some, and run this again'
        : `\`${go} build\` in ${program.folder} ended with ${code}, as told above`;
      throw new BuildFailure(`${name} could not be built: ${why}`);
    }
  } finally {
    clearInterval(progress);
  }
  await rename(unfinished, file);
}
