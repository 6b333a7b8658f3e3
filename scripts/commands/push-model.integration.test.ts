import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { freshBucket } from '@darkroom/testing';
import { expect, inject, onTestFinished, test } from 'vitest';
import { darkroom } from './testing/darkroom.ts';

test('models push puts a model and its manifest there, and what is there already only once', async () => {
  const s3 = await freshBucket(inject('s3'));
  const { accessKeyId, secretAccessKey } = s3;
  const objects = createS3Store({ ...s3, credentials: { accessKeyId, secretAccessKey } });
  onTestFinished(objects.close);
  const env = {
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const push = ['models', 'push', pinhole.folder, '--name', 'dots', '--json'];
  const first = await darkroom(push, { env });
  expect(first.stderr).toContain('unet/model.onnx');
  expect(first.code, first.stderr).toBe(0);
  const { files, kept, digest } = JSON.parse(first.stdout);
  expect(kept).toBe(0);
  const keys = await objects.list('models/');
  expect(keys).toHaveLength(files + 1);
  const manifest = await objects.get('models/dots/manifest.json');
  const { files: named } = JSON.parse(Buffer.from(manifest?.bytes ?? []).toString());
  expect(named.map(({ path }: { path: string }) => `models/dots/${path}`)).toEqual(
    keys.filter((key) => key !== 'models/dots/manifest.json'),
  );

  const again = await darkroom(push, { env });
  expect(JSON.parse(again.stdout)).toMatchObject({ files, kept: files, digest });
  expect(again.stderr).toBe('');
});

test.each([
  ['a name that is none', ['.', '--name', 'Not A Label'], 2, '"Not A Label" is no model\'s name'],
  ['no object store', ['.', '--name', 'dots'], 1, 'S3_BUCKET: missing'],
])('%s is refused with what to do', async (_, options, code, words) => {
  const refused = await darkroom(['models', 'push', ...options]);
  expect(refused).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(words) });
});
