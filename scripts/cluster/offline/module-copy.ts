import { chmod, cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Steps } from '../steps.ts';
import { moduleFolder } from './build-program.ts';

/**
 * Gives a writable copy of a Go module, for a program that takes more than the module has, and removes
 * the copy after use.
 *
 * @param module its path, and the folder in platform/tools whose go.mod pins it
 */
export async function withModuleCopy<T>(
  module: { tool: string; path: string },
  steps: Pick<Steps, 'say'>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), `darkroom-${module.tool}-`));
  try {
    await cp(await moduleFolder(module.tool, module.path, steps), folder, { recursive: true });
    await makeWritable(folder);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Go's module cache is read-only, and so is a copy of it. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
    else await chmod(join(folder, entry.name), 0o644);
  }
}
