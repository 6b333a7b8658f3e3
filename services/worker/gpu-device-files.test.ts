import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { type GpuGone, nvidiaDeviceFiles, watchGpuDeviceFiles } from './gpu-device-files.ts';

let folder: string;
let files: [string, string];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-gpu-'));
  files = [join(folder, 'first'), join(folder, 'second')];
  for (const file of files) await writeFile(file, 'GPU');
});
afterEach(() => rm(folder, { recursive: true }));

/** Begins to watch; `gone` resolves with the first that goes. */
async function watch(): Promise<{ gone: Promise<GpuGone> }> {
  const { promise: gone, resolve } = Promise.withResolvers<GpuGone>();
  const { stop } = await watchGpuDeviceFiles(files, resolve, { intervalMs: 5 });
  onTestFinished(stop);
  return { gone };
}

it('tells which file is gone', async () => {
  const { gone } = await watch();
  await rm(files[1]);
  expect(await gone).toEqual({ file: files[1], code: 'ENOENT' });
});

// Root may read whatever its permissions are, so a test cannot take those away.
it('tells which file is there and cannot be read', async () => {
  const { gone } = await watch();
  await rm(files[0]);
  await mkdir(files[0]);
  expect((await gone).file).toBe(files[0]);
});

it('refuses to begin without a file, and names every such file with what to do', async () => {
  const absent = [join(folder, 'a'), files[0], join(folder, 'b')];
  await expect(watchGpuDeviceFiles(absent, () => {})).rejects.toMatchObject({
    kind: 'configuration',
    message: expect.stringMatching(
      /cannot be opened:\n {2}\S+\/a \(ENOENT\)\n {2}\S+\/b \(ENOENT\)\n.* GPU_DEVICE_FILES/,
    ),
  });
});

it("finds the files of NVIDIA's driver and GPUs, where there are any", async () => {
  for (const name of ['nvidia1', 'nvidia0', 'nvidiactl', 'nvidia-uvm', 'null']) {
    await writeFile(join(folder, name), '');
  }
  expect(await nvidiaDeviceFiles(folder)).toEqual(
    ['nvidia0', 'nvidia1', 'nvidiactl'].map((name) => join(folder, name)),
  );
  expect(await nvidiaDeviceFiles(join(folder, 'absent'))).toEqual([]);
});
