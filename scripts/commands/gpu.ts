import { statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { runtimeFolder } from '@darkroom/diffusion';
import { cacheFolder } from '@darkroom/testing/cache-folder';
import { CommandFailure } from './command-failure.ts';
import { installCudaLibraries } from './cuda-libraries.ts';
import { interruptedBy } from './interrupted.ts';
import type { Context } from './run-command.ts';

/** Wheels and what is in them, at the same time. */
const ROOM = 5 * 2 ** 30;

/** Puts the libraries of the provider `cuda` where the runtime finds them. */
export async function install({ json }: { json: boolean }, context: Context): Promise<void> {
  const { signal, note, print, config } = context;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new CommandFailure(
      `the runtime's CUDA libraries are for Linux on x86-64, and this is ${process.platform} on ` +
        `${process.arch}; name another provider in EXECUTION_PROVIDERS`,
    );
  }
  const began = performance.now();
  const { folder, files, fetched } = await installCudaLibraries({
    lock: config.projectPath('services/diffusion/cuda-libraries.txt'),
    cache: cacheFolder,
    runtime: runtimeFolder,
    room: ROOM,
    signal,
    note,
  }).catch((error: unknown) => {
    throw interruptedBy(signal, error, 'nothing of it is kept; run it again');
  });
  const size = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  const seconds = Math.round((performance.now() - began) / 1_000);
  if (json) {
    return print(JSON.stringify({ folder, runtime: runtimeFolder, files, size, fetched }, null, 2));
  }
  const came = fetched ? `fetched in ${seconds} s` : 'all there already';
  print(`${files.length} CUDA libraries, ${(size / 2 ** 30).toFixed(1)} GiB, ${came}`);
  print(`in ${folder}, linked beside the runtime. With NVIDIA's driver 580 or later:`);
  print('  EXECUTION_PROVIDERS=cuda REQUIRE_GPU=1 npm start');
}
