import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { createLogger } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { freshBucket } from '@darkroom/testing';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { copyModel, hasModel } from './copy-model.ts';
import { fetchModelFiles } from './fetch-model-files.ts';
import { pushModel } from './push-model.ts';

async function bucket() {
  const { accessKeyId, secretAccessKey, ...s3 } = await freshBucket(inject('s3'));
  const objects = createS3Store({ ...s3, credentials: { accessKeyId, secretAccessKey } });
  onTestFinished(objects.close);
  return objects;
}

async function temporary() {
  const folder = await mkdtemp(join(tmpdir(), 'copy-model-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Two buckets, the first with a model, and how to copy from one to the other. */
async function surroundings() {
  const from = { objects: await bucket(), prefix: 'models/' };
  const to = { objects: await bucket(), prefix: 'other/models/' };
  const push = async (folder: string) =>
    (await pushModel({ ...from, folder, name: 'dots' })).digest.slice('sha256:'.length);
  const digest = await push(pinhole.folder);
  const copy = (over: Partial<Parameters<typeof copyModel>[0]> = {}) => {
    const { signal } = new AbortController();
    return copyModel({ from, to, name: 'dots', digest, signal, ...over });
  };
  const { files, size } = await verifyModelFolder(pinhole.folder);
  // One of its own: other tests copy at the same time.
  const drafts = await temporary();
  vi.stubEnv('TMPDIR', drafts);
  onTestFinished(() => void vi.unstubAllEnvs());
  const contents = new Set(files.map(({ sha256 }) => sha256)).size;
  return { from, to, push, digest, copy, files, contents, size, drafts };
}

test('copies a version whole, and a second time nothing; what is pushed last there does not change', async () => {
  const { to, digest, copy, files, contents, size, drafts } = await surroundings();
  const told: { path: string; bytes: number; of: number }[] = [];
  expect(await hasModel(to, { name: 'dots', digest })).toBe(false);
  const copied = await copy({ onFile: ({ path }, done) => told.push({ path, ...done }) });
  expect(copied).toEqual({ files: files.length, size, kept: files.length - contents });
  expect(await hasModel(to, { name: 'dots', digest })).toBe(true);
  expect(told).toHaveLength(contents);
  expect(told[0]?.bytes).toBe(0);
  const sum = (count: number) =>
    told
      .slice(0, count)
      .reduce(
        (bytes, { path }) => bytes + (files.find((file) => file.path === path)?.size ?? 0),
        0,
      );
  for (const [index, { bytes, of }] of told.entries()) {
    expect({ bytes, of }).toEqual({ bytes: sum(index), of: sum(told.length) });
  }
  const keys = await to.objects.list('');
  expect(keys).toHaveLength(contents + 1);
  expect(keys).toContain(`other/models/dots/${digest}.json`);

  const again = await copy({ onFile: ({ path }) => expect.fail(`${path} is copied again`) });
  expect(again).toEqual({ files: files.length, size, kept: files.length });
  expect(await readdir(drafts)).toEqual([]);

  const modelDir = await temporary();
  const logger = createLogger({ name: 'fetch-model', level: 'silent' });
  const { signal } = new AbortController();
  await fetchModelFiles({ ...to, name: 'dots', digest, modelDir, logger, signal });
  const fetched = await verifyModelFolder(join(modelDir, `dots.${digest.slice(0, 16)}`));
  expect(fetched.digest).toBe(`sha256:${digest}`);
});

test('copies of the next version only what the one before had not', async () => {
  const { to, push, copy, digest } = await surroundings();
  await copy();
  const folder = await temporary();
  await cp(pinhole.folder, folder, { recursive: true });
  await writeFile(join(folder, 'tokenizer/special_tokens_map.json'), '{"unk_token":"another"}');
  const next = await push(folder);
  expect(next).not.toBe(digest);
  const copied: string[] = [];
  await copy({ digest: next, onFile: ({ path }) => copied.push(path) });
  expect(copied).toEqual(['tokenizer/special_tokens_map.json']);
  for (const each of [digest, next]) {
    expect(await hasModel(to, { name: 'dots', digest: each })).toBe(true);
  }
});

test('goes on with a copy that was cut off, and until then the target has no such version', async () => {
  const { to, digest, copy, files, contents, drafts } = await surroundings();
  const stop = new AbortController();
  let told = 0;
  const cutOff = copy({
    signal: stop.signal,
    onFile: () => {
      told += 1;
      if (told === 4) stop.abort(new Error('stopped'));
    },
  });
  await expect(cutOff).rejects.toThrow('stopped');
  expect(await hasModel(to, { name: 'dots', digest })).toBe(false);
  expect(await readdir(drafts)).toEqual([]);
  const there = (await to.objects.list('other/models/dots/files/')).length;
  expect(there).toBe(3);
  expect(await copy()).toMatchObject({ kept: files.length - contents + there });
  expect(await hasModel(to, { name: 'dots', digest })).toBe(true);
});

test('refuses a file that is not what the manifest says, and writes no manifest', async () => {
  const { from, to, digest, copy, files } = await surroundings();
  const unet = files.find(({ path }) => path === 'unet/model.onnx');
  const key = `models/dots/files/${unet?.sha256}`;
  const object = await from.objects.get(key);
  const bytes = Buffer.from(object?.bytes ?? []);
  bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
  await from.objects.put(key, bytes, 'application/octet-stream');
  await expect(copy()).rejects.toMatchObject({
    kind: 'damaged',
    message: expect.stringContaining(`${key} has the SHA-256`),
  });
  const keys = await to.objects.list('');
  expect(keys.filter((each) => each.endsWith('.json'))).toEqual([]);
  expect(keys).not.toContain(`other/models/dots/files/${unet?.sha256}`);

  // Pushed again after the damaged one is removed, as the message says.
  await from.objects.remove([key]);
  await pushModel({ ...from, folder: pinhole.folder, name: 'dots' });
  await copy();
  expect(await hasModel(to, { name: 'dots', digest })).toBe(true);
});

test('refuses a version that the source does not have, and counts a damaged manifest as none', async () => {
  const { to, digest, copy } = await surroundings();
  const absent = 'f'.repeat(64);
  await expect(copy({ digest: absent })).rejects.toMatchObject({
    kind: 'configuration',
    message: expect.stringContaining(`has no models/dots/${absent}.json; push that version`),
  });
  const key = `other/models/dots/${digest}.json`;
  await to.objects.put(key, Buffer.from('{'), 'application/json');
  expect(await hasModel(to, { name: 'dots', digest })).toBe(false);
  await copy();
  expect(await hasModel(to, { name: 'dots', digest })).toBe(true);
});
