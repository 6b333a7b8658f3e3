import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { brotliDecompressSync } from 'node:zlib';
import { cacheFolder } from './cache-folder.ts';

const run = promisify(execFile);

/** Chromium as npm has it, with its SwiftShader and the Vulkan loader that goes with it. */
const wanted = {
  package: '@sparticuz/chromium@153.0.0',
  integrity:
    'sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==',
};
const files = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];

/**
 * A Vulkan driver that computes on the CPU, so that the provider `webgpu` runs without a GPU, and hundreds
 * of times slower. Comes from npm once, 70 MB, and is kept for all checkouts.
 *
 * @returns the variables that show it to a process
 * @throws Error that says why it cannot be had
 */
export async function swiftShader(): Promise<{
  LD_LIBRARY_PATH: string;
  VK_ICD_FILENAMES: string;
}> {
  const folder = join(cacheFolder, `swiftshader-${wanted.package.split('@').at(-1)}`);
  if (!existsSync(folder)) {
    await fetchTo(folder).catch((cause: unknown) => {
      throw new Error(
        `SwiftShader, which the tests of webgpu run on, could not be taken from ${wanted.package}: ` +
          `${cause instanceof Error ? cause.message : String(cause)}. It is for Linux on x86-64, and npm ` +
          'needs a registry that serves the package',
        { cause },
      );
    });
  }
  return {
    LD_LIBRARY_PATH: folder,
    VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
  };
}

async function fetchTo(folder: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`this is ${process.platform} on ${process.arch}`);
  }
  await mkdir(cacheFolder, { recursive: true });
  const temporary = await mkdtemp(`${folder}.`);
  try {
    const { stdout } = await run('npm', ['pack', '--silent', wanted.package], { cwd: temporary });
    const archive = join(temporary, stdout.trim().split('\n').at(-1) ?? '');
    const digest = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (`sha512-${digest}` !== wanted.integrity) {
      throw new Error(`its checksum is sha512-${digest}, and ${wanted.integrity} is expected`);
    }
    const inner = 'package/bin/swiftshader.tar.br';
    await run('tar', ['-xzf', archive, '-C', temporary, inner]);
    const tar = join(temporary, 'swiftshader.tar');
    await writeFile(tar, brotliDecompressSync(await readFile(join(temporary, inner))));
    await run('tar', ['-xf', tar, '-C', temporary, ...files]);
    const whole = join(temporary, 'whole');
    await mkdir(whole);
    for (const file of files) await cp(join(temporary, file), join(whole, file));
    await rename(whole, folder);
  } finally {
    await rm(temporary, { recursive: true });
  }
}
