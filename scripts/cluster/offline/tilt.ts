import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGoProgram, findGoProgram } from '@darkroom/testing/go';
import type { Steps } from '../steps.ts';
import { ensureCompiler } from './compiler.ts';
import { withModuleCopy } from './module-copy.ts';

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
  const module = { tool: 'tilt', path: 'github.com/tilt-dev/tilt' };
  return withModuleCopy(module, steps, async (folder) => {
    await writeFile(
      join(folder, 'pkg/assets/build/index.html'),
      '<!doctype html><title>Tilt</title><p>This Tilt was built without its page.\n',
    );
    await replaceSum(join(folder, 'go.sum'));
    return buildGoProgram({
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
  });
}

/** Its path where it was built before. */
export const findTilt = (): string | undefined => findGoProgram(program);

async function replaceSum(file: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const replaced = lines.map((line) =>
    line.startsWith(`${buildx.module} `) ? `${buildx.module} ${buildx.sum}` : line,
  );
  await writeFile(file, replaced.join('\n'));
}
