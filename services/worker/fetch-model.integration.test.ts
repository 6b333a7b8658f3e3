import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { loadCatalogue } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { freshBucket } from '@darkroom/testing';
import { expect, inject, onTestFinished, test } from 'vitest';
import { pushModel } from './model-cache/push-model.ts';
import { findModelFolders } from './model-folders.ts';
import { startService } from './testing/service-process.ts';

/** A bucket, and an empty folder for the models. */
async function surroundings() {
  const s3 = await freshBucket(inject('s3'));
  const { accessKeyId, secretAccessKey } = s3;
  const objects = createS3Store({ ...s3, credentials: { accessKeyId, secretAccessKey } });
  onTestFinished(objects.close);
  const modelDir = await mkdtemp(join(tmpdir(), 'fetch-model-'));
  onTestFinished(() => rm(modelDir, { recursive: true }));
  const environment = {
    MODEL_DIR: modelDir,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const fetchModel = (variables: Record<string, string>) =>
    startService('worker', { ...environment, ...variables }, 'fetch-model.ts');
  return { objects, modelDir, fetchModel };
}

/** A model that was pushed, and pushed again with one file changed. */
async function twoVersions() {
  const around = await surroundings();
  const { objects } = around;
  const pushed = await pushModel({ objects, folder: pinhole.folder, name: 'dots' });
  const contents = (await objects.list('models/dots/files/')).length;
  const folder = await mkdtemp(join(tmpdir(), 'fetch-model-newer-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(pinhole.folder, folder, { recursive: true });
  await writeFile(join(folder, 'tokenizer/special_tokens_map.json'), '{"unk_token":"another"}');
  const newer = await pushModel({ objects, folder, name: 'dots' });
  expect(newer.digest).not.toBe(pushed.digest);
  return { ...around, older: { ...pushed, contents }, newer };
}

test('two at once bring one model, whole, and a third finds it in place', async () => {
  const { objects, modelDir, fetchModel } = await surroundings();
  const { digest } = await pushModel({ objects, folder: pinhole.folder, name: 'dots' });
  const both = [1, 2].map(() => fetchModel({ SERVE_MODELS: 'dots, pinhole' }));
  for (const { ended } of both) expect(await ended).toBe(0);
  expect((await verifyModelFolder(join(modelDir, 'dots'))).digest).toBe(digest);
  const fetched = both.flatMap(({ lines }) => lines).filter(({ msg }) => msg === 'file fetched');
  expect(new Set(fetched.map(({ path }) => path)).size).toBe(fetched.length);
  const third = fetchModel({ SERVE_MODELS: 'dots' });
  expect(await third.ended).toBe(0);
  expect(third.lines).toContainEqual(expect.objectContaining({ msg: 'files to fetch', files: 0 }));
});

test('workers of two releases have a version each, in one folder, after another was pushed', async () => {
  const { objects, modelDir, fetchModel, older, newer } = await twoVersions();
  const keys = await objects.list('models/dots/files/');
  expect(keys).toHaveLength(older.contents + 1);
  expect(newer.kept).toBe(newer.files - 1);
  const both = [older, newer].map(({ digest }) =>
    fetchModel({ SERVE_MODELS: 'dots', MODEL_DIGEST: digest }),
  );
  for (const { ended } of both) expect(await ended).toBe(0);
  const { models } = await loadCatalogue(pinhole.catalogue);
  const catalogue = { models: models.map((model) => ({ ...model, name: 'dots' })) };
  for (const { digest } of [older, newer]) {
    const version = { modelDir, serve: ['dots'], digest: digest.slice('sha256:'.length) };
    const [found] = await findModelFolders(catalogue, version);
    expect((await verifyModelFolder(found?.folder ?? '')).digest).toBe(digest);
  }
  expect(await readdir(modelDir)).not.toContain('dots');
  const latest = fetchModel({ SERVE_MODELS: 'dots', MODEL_DIGEST: 'latest' });
  expect(await latest.ended).toBe(0);
  expect((await verifyModelFolder(join(modelDir, 'dots'))).digest).toBe(newer.digest);
});

test('a version that the store does not have, or not as it is named, is refused with what to do', async () => {
  const { objects, modelDir, fetchModel, older, newer } = await twoVersions();
  const keyOf = (digest: string) => `models/dots/${digest.slice('sha256:'.length)}.json`;
  const fetching = (digest: string) => fetchModel({ SERVE_MODELS: 'dots', MODEL_DIGEST: digest });
  const absent = fetching(`sha256:${'0'.repeat(64)}`);
  expect(await absent.ended).toBe(1);
  expect(absent.stderr()).toMatch(
    /^darkroom fetch-model: the object store has no models\/dots\/0{64}\.json; push that version.*--name dots.*darkroom promote/,
  );
  const other = await objects.get(keyOf(newer.digest));
  await objects.put(keyOf(older.digest), other?.bytes ?? Buffer.of(), 'application/json');
  const swapped = fetching(older.digest);
  expect(await swapped.ended).toBe(1);
  expect(swapped.stderr()).toContain(`is the manifest of another version, ${newer.digest}; push`);
  expect(await readdir(modelDir)).toEqual([]);
});

test('one that is killed amid its work leaves nothing that the next would take for whole', async () => {
  const { objects, modelDir, fetchModel } = await surroundings();
  const { digest } = await pushModel({ objects, folder: pinhole.folder, name: 'dots' });
  const killed = fetchModel({ SERVE_MODELS: 'dots' });
  await killed.line('file fetched');
  killed.kill('SIGKILL');
  await killed.ended;
  const next = fetchModel({ SERVE_MODELS: 'dots' });
  expect(await next.ended).toBe(0);
  expect((await verifyModelFolder(join(modelDir, 'dots'))).digest).toBe(digest);
});

test('a model that was never pushed is named, with what to do', async () => {
  const { modelDir, fetchModel } = await surroundings();
  const fetching = fetchModel({ SERVE_MODELS: 'sdxl', MODEL_SOURCE_PREFIX: 'mirror/' });
  expect(await fetching.ended).toBe(1);
  expect(fetching.stderr()).toMatch(
    /^darkroom fetch-model: the object store has no mirror\/sdxl\/manifest.json; push .*--name sdxl/,
  );
  expect(fetching.stderr()).not.toMatch(/^\s+at /m);
  expect(await readdir(modelDir)).toEqual([]);
});

test('every setting that is missing or wrong is reported together', async () => {
  const fetching = startService('worker', { SERVE_MODELS: 'Not A Label' }, 'fetch-model.ts');
  expect(await fetching.ended).toBe(1);
  for (const name of ['MODEL_DIR', 'SERVE_MODELS', 'S3_ENDPOINT', 'S3_BUCKET']) {
    expect(fetching.stderr()).toContain(`\n  ${name}: `);
  }
});

test.each([
  ['v1', 'dots', 'must be latest, or sha256:'],
  [
    `sha256:${'0'.repeat(64)}`,
    'dots,other',
    'is of one model: name that one alone in SERVE_MODELS',
  ],
])('MODEL_DIGEST=%s for %s is refused', async (digest, serve, words) => {
  const { fetchModel } = await surroundings();
  const fetching = fetchModel({ SERVE_MODELS: serve, MODEL_DIGEST: digest });
  expect(await fetching.ended).toBe(1);
  expect(fetching.stderr()).toContain(`MODEL_DIGEST: ${words}`);
});
