import { createClient } from '@darkroom/client/source';
import { uploadKey } from '@darkroom/contract';
import { encode } from 'fast-png';
import { expect, test } from 'vitest';
import { realServers, tenant } from './testing/real-servers.ts';
import { startService } from './testing/service-process.ts';

test('a picture goes through the frontend and the object store to the worker', async () => {
  await using servers = await realServers();
  const worker = startService('worker', servers.environment);
  const frontend = startService('frontend', servers.environment);
  const { msg } = await frontend.line('listening at');
  await worker.line('worker started');
  const client = createClient({ url: msg.slice('listening at '.length) });

  const yellow = Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => [250, 220, 30][i % 3]!);
  const file = encode({ width: 40, height: 24, channels: 3, depth: 8, data: yellow });
  const { upload } = await client.upload(file);
  const key = uploadKey(tenant, upload.slice('sha256:'.length));
  expect(new Uint8Array((await servers.objects.get(key))!.bytes)).toEqual(file);

  const request = { prompt: 'a red star on a blue background', seed: 7, steps: 8 };
  const text = await client.generate(request);
  const made = await client.generate({
    ...request,
    initImage: upload,
    mask: upload,
    strength: 0.5,
  });
  expect(made).toMatchObject({
    state: 'succeeded',
    request: { initImage: upload, mask: upload, strength: 0.5 },
    progress: { step: 8, steps: 8 },
  });
  expect(made.images[0]?.sha256).not.toBe(text.images[0]?.sha256);

  await servers.objects.remove([key]);
  const failed = await client.generate({ ...request, initImage: upload });
  expect(failed).toMatchObject({
    state: 'failed',
    error: { code: 'INPUT', message: expect.stringContaining('is not in the object store') },
  });
});
