import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rename, rm, statfs, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ExecError, exec } from '../cluster/exec.ts';
import { fingerprint, whole } from '../cluster/offline/cache.ts';
import { CommandFailure } from './command-failure.ts';

export type CudaLibrariesOptions = {
  /** The wheels in pip's words, each with its version and hash. */
  lock: string;
  /** Where they are kept for all checkouts. */
  cache: string;
  /** Where the runtime looks for its providers' libraries. */
  runtime: string;
  /** Free space to ask for, in bytes: wheels and what is in them lie side by side for a while. */
  room: number;
  signal: AbortSignal;
  note(text: string): void;
  /** For pip, beside this process's own. */
  env?: NodeJS.ProcessEnv;
};

export type CudaLibraries = {
  /** Where the libraries are. */
  folder: string;
  /** Their names. */
  files: string[];
  /** Whether they came now, or were there. */
  fetched: boolean;
};

/** What pip is to take, whatever Python it runs on: the runtime's libraries are those of any of them. */
export const pipOptions = [
  ...['--only-binary=:all:', '--implementation=cp', '--python-version=3.12'],
  ...['manylinux_2_28', 'manylinux_2_27', 'manylinux2014'].map((tag) => `--platform=${tag}_x86_64`),
];
const longest = 3_600_000;

/**
 * Brings the libraries of the provider `cuda` by pip, from the index and with the credentials that pip is
 * set up with, and links them beside the runtime. What is there already is not brought again.
 *
 * @throws CommandFailure that says what is missing, or why pip could not bring them
 */
export async function installCudaLibraries(options: CudaLibrariesOptions): Promise<CudaLibraries> {
  const { lock, cache, runtime } = options;
  const wheels = (await readFile(lock, 'utf8')).split('\n').filter((line) => /^\w/.test(line));
  const folder = join(cache, `cuda-${fingerprint(...wheels.sort())}`);
  const fetched = !existsSync(folder);
  if (fetched) {
    await mkdir(cache, { recursive: true });
    await refuseWithoutRoom(options);
    await whole(folder, (unfinished) => fetchTo(unfinished, options));
  }
  const files = (await readdir(folder)).filter((name) => name.includes('.so'));
  await linkAll(files, folder, runtime).catch((error: unknown) => {
    throw new CommandFailure(
      `the CUDA libraries could not be linked into ${runtime} (${reasonOf(error)}); run this as the owner of that folder`,
    );
  });
  return { folder, files, fetched };
}

async function refuseWithoutRoom({ cache, room }: CudaLibrariesOptions): Promise<void> {
  const { bavail, bsize } = await statfs(cache);
  if (bavail * bsize >= room) return;
  throw new CommandFailure(
    `${cache} has ${inGiB(bavail * bsize)} free, and the CUDA libraries need ${inGiB(room)} while they are ` +
      'unpacked; make room, or set XDG_CACHE_HOME to a folder on another disk',
  );
}

/** The libraries flat, the licences of each wheel beside them. */
async function fetchTo(folder: string, options: CudaLibrariesOptions): Promise<void> {
  const { lock, signal, note, env } = options;
  const wheels = join(folder, 'wheels');
  const temporary = join(folder, 'pip');
  await mkdir(temporary, { recursive: true });
  const began = performance.now();
  const progress = setInterval(() => {
    note(`the CUDA libraries are coming … ${Math.round((performance.now() - began) / 1_000)} s`);
  }, 15_000);
  const args = ['-m', 'pip', 'install', '--requirement', lock, '--require-hashes', '--no-deps'];
  const own = ['--target', wheels, '--no-compile', '--no-cache-dir', '--progress-bar=off'];
  try {
    await exec('python3', [...args, ...own, ...pipOptions], {
      signal,
      timeoutMs: longest,
      // What it downloads and unpacks lies on the disk that was asked for room.
      env: { ...env, TMPDIR: temporary, PIP_NO_INPUT: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
      onLine: (line) => {
        if (/^\s*(Downloading|Processing) /.test(line)) note(line.trim());
      },
    });
  } catch (error) {
    throw error instanceof ExecError ? explained(error, lock) : error;
  } finally {
    clearInterval(progress);
  }
  for (const path of await readdir(wheels, { recursive: true })) {
    const isLibrary =
      /^onnxruntime\/capi\/libonnxruntime_providers_(shared|cuda)\.so$/.test(path) ||
      /^nvidia\/.*\/lib\/[^/]+\.so[.\d]*$/.test(path);
    if (isLibrary) await rename(join(wheels, path), join(folder, basename(path)));
    else if (/^[^/]+\.dist-info$/.test(path)) {
      await mkdir(join(folder, 'licenses'), { recursive: true });
      await rename(join(wheels, path), join(folder, 'licenses', path));
    }
  }
  await Promise.all([wheels, temporary].map((each) => rm(each, { recursive: true })));
}

/** What pip's own words mean. */
function explained({ message, stdout, stderr }: ExecError, lock: string): CommandFailure {
  const text = `${stdout}\n${stderr}`;
  const because = (why: string) => new CommandFailure(`the CUDA libraries did not come: ${why}`);
  if (/DO NOT MATCH THE HASHES/.test(text)) {
    const [, got = '?'] = /Got\s+([0-9a-f]+)/.exec(text) ?? [];
    const [, of = 'a wheel'] = /^\s+(\S+==\S+) from/m.exec(text) ?? [];
    return because(
      `${of} has another checksum (${got}) than ${lock} says. Nothing of it is kept; look at the index that ` +
        'pip takes it from (`pip config list`)',
    );
  }
  if (/No space left on device/.test(text)) {
    return because(
      'the disk is full; make room, or set XDG_CACHE_HOME to a folder on another disk',
    );
  }
  if (/No module named pip|ENOENT/.test(`${text}${message}`)) {
    return because(
      'there is no python3 with pip; install it (Debian: `apt-get install python3-pip`) and run this again',
    );
  }
  if (
    /No matching distribution|Could not find a version|Connection|Max retries|resolution/.test(text)
  ) {
    const [, what = 'a wheel'] = /No matching distribution found for (\S+)/.exec(text) ?? [];
    return because(
      `pip could not get ${what}; check the network, a proxy and the index that pip is set up with (\`pip config list\`), ` +
        'or give the wheels in a folder: PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER',
    );
  }
  return because(message);
}

/** Links what is not linked, and takes away the links of another lock. */
async function linkAll(files: readonly string[], folder: string, runtime: string): Promise<void> {
  for (const name of await readdir(runtime)) {
    const target = await readlink(join(runtime, name)).catch(() => '');
    const isOurs = /^cuda-[0-9a-f]{12}$/.test(basename(dirname(target)));
    if (isOurs && target !== join(folder, name)) await rm(join(runtime, name));
  }
  for (const name of files) {
    const link = join(runtime, name);
    if ((await readlink(link).catch(() => '')) === join(folder, name)) continue;
    await rm(link, { force: true });
    await symlink(join(folder, name), link);
  }
}

const inGiB = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
