import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fixturePath } from '../test/fixtures.ts';
import { checkOnnxFile } from './onnx-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-'));
  await cp(fixturePath('families/networks/sd-legacy/unet'), folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

it('tells the files that a graph has its weights in', async () => {
  expect(await checkOnnxFile(join(folder, 'model.onnx'))).toEqual(['weights.pb']);
  expect(await checkOnnxFile(fixturePath('families/networks/sd/unet/model.onnx'))).toEqual([]);
});

it.each([
  ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1\n'],
  ['a web page', '<!doctype html>'],
  ['nothing but zeros', '\0'.repeat(100)],
])('refuses %s', async (_what, text) => {
  const path = join(folder, 'model.onnx');
  await writeFile(path, text);
  await expect(checkOnnxFile(path)).rejects.toThrow(/model\.onnx cannot be used: it is/);
});

it('refuses weights outside of the folder', async () => {
  const path = join(folder, 'model.onnx');
  const bytes = await readFile(path, 'latin1');
  // As long as it was, so that all lengths still hold.
  await writeFile(path, bytes.replaceAll('weights.pb', '../ghts.pb'), 'latin1');
  await expect(checkOnnxFile(path)).rejects.toThrow('lie in "../ghts.pb", outside of its folder');
});

it('never fails but with a message of its own, wherever a byte is changed', async () => {
  const path = join(folder, 'model.onnx');
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; at += 97) {
    const changed = Buffer.from(bytes);
    changed[at] = changed[at]! ^ 0xff;
    await writeFile(path, changed);
    await checkOnnxFile(path).catch((error: Error) => expect(error.name).toBe('ModelError'));
  }
});
