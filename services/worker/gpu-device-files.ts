import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import { sleep } from '@darkroom/timing';

/** Between two looks, in milliseconds. */
const INTERVAL_MS = 2_000;

/** A file by which a GPU is reached, and the system's code for why it cannot be opened. */
export type GpuGone = { file: string; code: string };

/** The device files that NVIDIA's container runtime makes: the driver's and one for each GPU. */
export async function nvidiaDeviceFiles(folder = '/dev'): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => /^nvidia(ctl|\d+)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Opens the files again and again, and tells once, of the first that cannot be opened any more. A
 * container loses its GPU so when its device rules are written anew, and does not get it back: only a
 * new container does (https://github.com/NVIDIA/nvidia-container-toolkit/issues/48).
 *
 * @throws DarkroomError (`configuration`) that names every file that cannot be opened at the start
 */
export async function watchGpuDeviceFiles(
  files: readonly string[],
  onGone: (gone: GpuGone) => void,
  { intervalMs = INTERVAL_MS }: { intervalMs?: number } = {},
): Promise<{ stop(): void }> {
  const absent = await goneOf(files);
  if (absent.length > 0) {
    const problems = absent.map(({ file, code }) => `  ${file} (${code})`);
    throw new DarkroomError(
      'configuration',
      `the device files of the GPU cannot be opened:\n${problems.join('\n')}\n` +
        'Start the container anew with its GPU, or name in GPU_DEVICE_FILES those that it has.',
    );
  }
  const stopping = new AbortController();
  const watch = async () => {
    for (;;) {
      await sleep(intervalMs, stopping.signal);
      const [gone] = await goneOf(files);
      if (stopping.signal.aborted) return;
      if (gone !== undefined) return onGone(gone);
    }
  };
  if (files.length > 0) void watch();
  return { stop: () => stopping.abort() };
}

async function goneOf(files: readonly string[]): Promise<GpuGone[]> {
  const looks = files.map(async (file) => ({ file, code: await reasonAgainst(file) }));
  return (await Promise.all(looks)).flatMap(({ file, code }) =>
    code === undefined ? [] : [{ file, code }],
  );
}

/** Why a file cannot be opened or, once open, be read: a folder, for one, can be opened. */
async function reasonAgainst(file: string): Promise<string | undefined> {
  try {
    // Waits for nobody at the other end, where there is one.
    const opened = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await opened.read(Buffer.alloc(1), 0, 1);
    } finally {
      await opened.close();
    }
    return undefined;
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    // A device of NVIDIA's driver is open, and has nothing to read.
    return code === 'EINVAL' ? undefined : code;
  }
}
