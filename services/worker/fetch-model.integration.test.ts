import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { freshBucket } from '@darkroom/testing';
import { expect, inject, onTestFinished, test } from 'vitest';
import { pushModel } from './model-cache/push-model.ts';
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
