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
  const manifestOf = async (key: string) =>
    Buffer.from((await objects.get(key))?.bytes ?? []).toString();
  const latest = await manifestOf('models/dots/manifest.json');
  const version = `models/dots/${digest.slice('sha256:'.length)}.json`;
  expect(await manifestOf(version)).toBe(latest);
  const named = JSON.parse(latest).files.map(({ sha256 }: { sha256: string }) => sha256);
  expect(named).toHaveLength(files);
  const contents = [...new Set(named)].map((sha256) => `models/dots/files/${sha256}`);
  expect(kept).toBe(files - contents.length);
  expect(await objects.list('models/')).toEqual(
    [...contents, 'models/dots/manifest.json', version].sort(),
  );

  const again = await darkroom(push, { env });
  expect(JSON.parse(again.stdout)).toMatchObject({ files, kept: files, digest });
  expect(again.stderr).toBe('');

  const gone = `models/dots/files/${named[0]}`;
  await objects.remove([gone]);
  const mended = await darkroom(push, { env });
  expect(JSON.parse(mended.stdout).kept).toBe(files - 1);
  expect(await objects.list(gone)).toEqual([gone]);
});

test.each([
  ['a name that is none', ['.', '--name', 'Not A Label'], 2, '"Not A Label" is no model\'s name'],
  ['no object store', ['.', '--name', 'dots'], 1, 'S3_BUCKET: missing'],
])('%s is refused with what to do', async (_, options, code, words) => {
  const refused = await darkroom(['models', 'push', ...options]);
  expect(refused).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(words) });
});
