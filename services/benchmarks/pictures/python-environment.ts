import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { cacheFolder } from '@darkroom/testing';

const requirements = join(import.meta.dirname, 'optimum-requirements.txt');
const NEEDED_BYTES = 8 * 2 ** 30;

/**
 * A Python with what the requirements pin, by hash, in a virtual environment in the cache; one that was
 * not finished is made anew.
 *
 * @returns its program
 * @throws Error when Python is missing, the disk has no room or pip fails
 */
export async function optimumPython(): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const folder = join(cacheFolder, `optimum-${digest.slice(0, 12)}`);
  const program = join(folder, 'bin', 'python');
  const whole = join(folder, 'whole');
  if ((await readFile(whole).catch(() => undefined)) !== undefined) return program;

  await mkdir(cacheFolder, { recursive: true });
  const { bavail, bsize } = await statfs(cacheFolder);
  if (bavail * bsize < NEEDED_BYTES) {
    throw new Error(
      `Optimum, with PyTorch and the CUDA libraries that it brings, takes 6 GB in ${cacheFolder}, and 8 ` +
        'while it is unpacked: make room, or name a Python that has it with --python',
    );
  }
  console.error(
    `Optimum is installed into ${folder}: PyTorch brings CUDA's libraries, so 3 GB are downloaded ` +
      'and 6 GB written, which takes minutes. --python names an environment that has it already.',
  );
  await rm(folder, { recursive: true, force: true });
  await run('python3', '-m', 'venv', folder);
  await run(program, '-m', 'pip', 'install', '--require-hashes', '--requirement', requirements);
  await writeFile(whole, '');
  return program;
}

/** What it prints, pip's progress bars among it, goes to stderr: stdout is the report's. */
async function run(program: string, ...args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', process.stderr, 'inherit'] });
  const [code, signal] = await once(child, 'exit');
  if (code === 0) return;
  throw new Error(
    `${program} ${args.join(' ')} ended (${signal ?? code}); what it said is above. Python 3.11 with its ` +
      'venv module and a package registry are needed, or --python with an environment that is there.',
  );
}
