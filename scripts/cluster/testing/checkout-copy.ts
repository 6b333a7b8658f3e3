import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../../repository.ts';
import { exec } from '../exec.ts';

/**
 * A copy of this checkout, for tests that edit its files: what git knows or does not ignore, the packages,
 * and what `cluster up` has bound.
 */
export async function copyCheckout(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-checkout-'));
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = (await exec('git', listed, { cwd: repository })).split('\0').filter(Boolean);
  for (const file of [...files, '.darkroom/clusters']) {
    await cp(join(repository, file), join(folder, file), { recursive: true });
  }
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
  return { folder, remove: () => rm(folder, { recursive: true }) };
}
