import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGoProgram, findGoProgram } from '@darkroom/testing/go';
import type { Steps } from '../steps.ts';
import { moduleFolder } from './build-program.ts';
import { ensureCompiler } from './compiler.ts';

const VERSION = '0.37.6';
/** Of that version. */
const RELEASED = '2026-07-29';
const program = { name: 'tilt', version: VERSION };

/**
 * Tilt's own go.sum names a sum of docker/buildx that no proxy serves any more; this is the one that Go's
 * public checksum database has on record for the version (docs/decisions/live-update.md).
 */
const buildx = {
  module: 'github.com/docker/buildx v0.32.1',
  sum: 'h1:ecen0VNo7UINEv+Wx7xDPlTH5nQ1EaxzFOoslYIISuk=',
};

/**
 * Tilt, built once from its Go module and kept in the cache folder. Its page is in no module, so this one
 * has none: it is for `tilt ci` and for tests.
 *
 * @returns its path
 */
export async function buildTilt({
  steps,
  signal,
}: {
  steps: Steps;
  signal?: AbortSignal | undefined;
}): Promise<string> {
  const built = findTilt();
  if (built !== undefined) return built;
  await ensureCompiler();
  // A copy, because the module lacks a page and its sum is to be replaced.
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-tilt-'));
  try {
    await cp(await moduleFolder('tilt', 'github.com/tilt-dev/tilt', steps), folder, {
      recursive: true,
    });
    await makeWritable(folder);
    await writeFile(
      join(folder, 'pkg/assets/build/index.html'),
      '<!doctype html><title>Tilt</title><p>This Tilt was built without its page.\n',
    );
    await replaceSum(join(folder, 'go.sum'));
    return await buildGoProgram({
      ...program,
      folder,
      package: './cmd/tilt',
      flags: ['-ldflags', `-s -w -X main.version=${VERSION} -X main.date=${RELEASED}`],
      cgo: true,
      takes: 'a few minutes',
      otherwise: `put Tilt ${VERSION} into the cache folder`,
      say: steps.say,
      ...(signal && { signal }),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Its path where it was built before. */
export const findTilt = (): string | undefined => findGoProgram(program);

/** Go's module cache is read-only, and so is a copy of it. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
    else await chmod(join(folder, entry.name), 0o644);
  }
}

async function replaceSum(file: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const replaced = lines.map((line) =>
    line.startsWith(`${buildx.module} `) ? `${buildx.module} ${buildx.sum}` : line,
  );
  await writeFile(file, replaced.join('\n'));
}
