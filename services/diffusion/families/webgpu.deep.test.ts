import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { swiftShader } from '@darkroom/testing';
import { decode } from 'fast-png';
import { expect, test } from 'vitest';
import { loadPipeline } from '../pipelines/load-pipeline.ts';
import { encodePng } from '../pipelines/png.ts';
import { assembleModel, cases, height, requestOf, width } from '../test/families.ts';
import { unpack } from '../test/fixtures.ts';

const program = fileURLToPath(new URL('../test/webgpu-pictures.ts', import.meta.url));
const folders = [...new Set(cases.map(({ folder }) => folder))];
const networksOf = (folder: string) => cases.find((one) => one.folder === folder)?.networks ?? '';
const values = (pixels: Float32Array) => decode(encodePng(pixels, width, height)).data;

const runOnWebgpu = async (folder: string, path: string) =>
  promisify(execFile)(process.execPath, [program, folder, path], {
    env: { ...process.env, ...(await swiftShader()) },
    maxBuffer: 64 * 2 ** 20,
  });

test.each(folders.filter((folder) => folder !== 'sd-2-inpainting'))(
  '%s: the pictures of the CPU, within 1 of 255, for every task',
  async (folder) => {
    const path = await assembleModel(folder, networksOf(folder));
    const { stdout } = await runOnWebgpu(folder, path);
    const made = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; provider: string; values: string });
    const pipeline = await loadPipeline(path, { executionProviders: ['cpu'] });
    for (const { index, provider, values: pixels } of made) {
      expect(provider).toBe('webgpu');
      const reference = values(await pipeline.decode(requestOf(cases[index]!)));
      const apart = values(unpack(pixels)).map((value, i) => Math.abs(value - reference[i]!));
      expect(Math.max(...apart)).toBeLessThanOrEqual(1);
    }
    await pipeline.release();
    await rm(path, { recursive: true });
  },
);

test('a model of nine channels is refused, with the reason', async () => {
  const path = await assembleModel('sd-2-inpainting', networksOf('sd-2-inpainting'));
  await expect(runOnWebgpu('sd-2-inpainting', path)).rejects.toThrow(
    /9 channels gives wrong values/,
  );
  await rm(path, { recursive: true });
});
