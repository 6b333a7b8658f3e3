import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { METADATA_KEYWORD, type PictureMetadata } from '@darkroom/contract';
import { addPngText, readPngText } from '@darkroom/diffusion/png-text';
import { decode, encode } from 'fast-png';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { darkroom, type Running, startServing, stop } from './testing/darkroom.ts';

// Each command is a process of its own; on a busy machine some of them take their time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const BIG_SEED = '18446744073709551614';

let here: string;
let serving: Running & { url: string };
/** Four pictures of one request; the last two seeds are 0 and 1. */
let made: string[];

beforeAll(async () => {
  here = await mkdtemp(join(tmpdir(), 'darkroom-reproduce-'));
  serving = await startServing(join(here, 'data'));
  const request = ['a red star ⭐', '--negative-prompt', 'blue\ngreen', '--seed', BIG_SEED];
  const options = ['--count', '4', '--steps', '3', '--scheduler', 'euler', '--karras'];
  const { stdout } = await darkroom(
    ['generate', ...request, ...options, '-o', 'made/', '--server', serving.url],
    { cwd: here },
  );
  made = stdout.trim().split('\n');
});
afterAll(async () => {
  await stop(serving);
  await rm(here, { recursive: true, force: true });
});

const reproduce = (file: string, ...args: string[]) =>
  darkroom(['reproduce', file, '--server', serving.url, ...args], { cwd: here });

const metadataOf = (png: Uint8Array): PictureMetadata =>
  JSON.parse(readPngText(png)[METADATA_KEYWORD] ?? '');

/** A picture's pixels with other metadata, or others' pixels with its metadata. */
async function forged(
  name: string,
  change: (metadata: PictureMetadata) => object,
  pixels?: (data: Uint8Array) => void,
): Promise<string> {
  const png = await readFile(made[0] ?? '');
  const { width, height, data } = decode(png);
  pixels?.(data as Uint8Array);
  const plain = encode({ width, height, channels: 3, depth: 8, data });
  const file = join(here, name);
  const text = { [METADATA_KEYWORD]: JSON.stringify(change(metadataOf(png))) };
  await writeFile(file, addPngText(plain, text));
  return file;
}

test('a picture that started from another is made again from the same upload', async () => {
  const options = ['--init-image', made[0] ?? '', '--strength', '0.5', '--steps', '6'];
  await darkroom(
    ['generate', 'a red star', ...options, '-o', 'changed.png', '--server', serving.url],
    { cwd: here },
  );
  const { request } = metadataOf(await readFile(join(here, 'changed.png')));
  expect(request).toMatchObject({ initImage: expect.stringMatching(/^sha256:/), strength: 0.5 });
  const { code, stdout } = await reproduce('changed.png');
  expect(stdout).toContain('bit-identical');
  expect(code).toBe(0);
});

test.each([
  ['the first', 0, BIG_SEED],
  ['the third', 2, 0],
])('%s of several pictures comes out alone, to the byte of its file', async (_, index, seed) => {
  const file = made[index] ?? '';
  const { code, stdout } = await reproduce(file, '--json', '-o', `again-${index}.png`);
  const again = join(here, `again-${index}.png`);
  expect({ code, report: JSON.parse(stdout) }).toEqual({
    code: 0,
    report: {
      file,
      output: again,
      equal: true,
      difference: { largest: 0, share: 0 },
      changes: [],
    },
  });
  expect(await readFile(again)).toEqual(await readFile(file));
  expect(metadataOf(await readFile(file)).request.seed).toBe(seed);
});

test('says so, and writes nothing unless told', async () => {
  const before = await readdir(here);
  const { code, stdout } = await reproduce(made[1] ?? '');
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: 'bit-identical: every value of every pixel is the same\n',
  });
  expect(await readdir(here)).toEqual(before);
});

test('names what makes pictures now and did not make this one', async () => {
  const file = await forged('other.png', (metadata) => ({
    ...metadata,
    modelDigest: 'sha256:of-another',
    onnxruntime: '0.9.0',
    executionProviders: ['cuda', 'cpu'],
    scheduler: { ...metadata.scheduler, config: { beta_start: 0.5 } },
  }));
  const { code, stdout } = await reproduce(file);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^bit-identical/);
  expect(stdout).toMatch(
    /the model's digest differs: was "sha256:of-another", is "sha256:[0-9a-f]+"/,
  );
  expect(stdout).toMatch(/onnxruntime\) differs: was "0.9.0", is "1/);
  expect(stdout).toMatch(/execution providers differs?: was \["cuda","cpu"\], is \["cpu"\]/);
  expect(stdout).toMatch(/scheduler.config.beta_start differs: was 0.5, is 0.0001/);
  expect(stdout).not.toMatch(/engine|request/);
});

test.each([
  ['one level is within what is promised', 1, 0],
  ['two levels are another picture', 2, 1],
])('%s', async (_, levels, expected) => {
  const file = await forged(
    `level-${levels}.png`,
    (metadata) => metadata,
    (data) => {
      data[0] = (data[0] ?? 0) + (data[0]! > 127 ? -levels : levels);
    },
  );
  const { code, stdout, stderr } = await reproduce(file, '--json');
  expect(code).toBe(expected);
  expect(JSON.parse(stdout)).toMatchObject({
    equal: expected === 0,
    difference: { largest: levels, share: 1 / (64 * 64 * 3) },
  });
  if (expected === 1)
    expect(stderr).toMatch(/does not come out as it was made: .* are those that made it/);
});

test('another seed makes another picture, and nothing else than the file is to blame', async () => {
  const file = await forged('seed.png', (metadata) => ({
    ...metadata,
    request: { ...metadata.request, seed: 5 },
  }));
  const { code, stdout } = await reproduce(file);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^\d[\d.]* % of the values differ, by at most \d+ of 255\n$/);
});

const plain = encode({ width: 2, height: 2, channels: 3, data: new Uint8Array(12) });

test.each<[string, () => Promise<Uint8Array | string>, RegExp]>([
  ['that is not there', async () => 'nowhere.png', /there is no file .*nowhere.png/],
  ['that is a folder', async () => '.', /cannot read .*EISDIR/],
  ['that is no PNG', async () => Buffer.from('GIF89a'), /it is not a PNG file/],
  ['that is empty', async () => new Uint8Array(), /it is not a PNG file/],
  ['that is cut short', async () => (await first()).subarray(0, -20), /it is cut short/],
  ['without metadata', async () => plain, /does not say what made it.* use the original file/],
  [
    'with metadata of another release',
    () => forged('v2.png', (metadata) => ({ ...metadata, version: 2 })),
    /metadata are of another release/,
  ],
  [
    'with a request of another release',
    () => forged('field.png', (m) => ({ ...m, request: { ...m.request, mask: 'a' } })),
    /metadata are of another release.*mask/s,
  ],
  [
    'with metadata that are no JSON',
    async () => addPngText(plain, { [METADATA_KEYWORD]: '{' }),
    /metadata are of another release/,
  ],
  [
    'of another size than was made',
    async () => addPngText(plain, { [METADATA_KEYWORD]: readPngText(await first())['darkroom']! }),
    /was changed after it was made: it has 2×2 pixels .* made with 64×64/,
  ],
  [
    'of a model that the catalogue does not have',
    () => forged('model.png', (m) => ({ ...m, request: { ...m.request, model: 'sdxl' } })),
    /made with the model sdxl, and the service's catalogue has pinhole: add it/,
  ],
  [
    'beyond the limits of the model',
    () => forged('steps.png', (m) => ({ ...m, request: { ...m.request, steps: 1_000 } })),
    /does not make what .* asks for: .*steps is 1000, at most 150/,
  ],
])('refuses a file %s', async (what, contents, why) => {
  const given = await contents();
  const file = typeof given === 'string' ? given : `${what}.png`;
  if (typeof given !== 'string') await writeFile(join(here, file), given);
  const { code, stdout, stderr } = await reproduce(file);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(why);
  expect(stderr).not.toMatch(/\n\s+at |unexpected/);
});

const first = () => readFile(made[0] ?? '');

test('with PICTURE_METADATA=0 the service writes none, and a file is still compared', async () => {
  const args = ['--data-dir', join(here, 'silent'), '-o', 'silent.png'];
  const env = { PICTURE_METADATA: '0' };
  const { code, stdout } = await darkroom(['reproduce', made[1] ?? '', ...args], {
    cwd: here,
    env,
  });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^bit-identical.*\nthe service does not say what makes its pictures/);
  expect(Object.keys(readPngText(await readFile(join(here, 'silent.png'))))).toEqual([]);
});
