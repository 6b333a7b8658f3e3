import { installDebianPackages, isRootOnDebian } from '@darkroom/testing/debian';
import { CommandFailure } from '../../commands/failure.ts';
import { exec } from '../exec.ts';

/**
 * Makes sure that there is a compiler of C, with the C library's own files.
 *
 * @throws CommandFailure where there is none and it may not be installed
 */
export async function ensureCompiler(): Promise<void> {
  const found = await exec('gcc', ['--version']).then(
    () => true,
    () => false,
  );
  if (found) return;
  if (!isRootOnDebian()) {
    throw new CommandFailure('there is no gcc: install it (apt-get install gcc libc6-dev)');
  }
  await installDebianPackages('gcc', 'libc6-dev');
}
