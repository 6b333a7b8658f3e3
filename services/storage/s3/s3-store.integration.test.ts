import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, freshBucket, type S3Location } from '@darkroom/testing';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { describeObjectStore } from '../testing/store-contract.ts';
import { createS3Store } from './create-s3-store.ts';

const storeAt = ({ accessKeyId, secretAccessKey, ...location }: S3Location) =>
  createS3Store({ ...location, credentials: { accessKeyId, secretAccessKey } });

describe('the S3 store', () => {
  describeObjectStore(async () => storeAt(await freshBucket(inject('s3'))));

  test('lists and removes more objects than one call carries', async () => {
    const store = storeAt(await freshBucket(inject('s3')));
    const keys = Array.from({ length: 1_050 }, (_, i) => `t/${String(i).padStart(5, '0')}`);
    for (let start = 0; start < keys.length; start += 50) {
      const some = keys.slice(start, start + 50);
      await Promise.all(some.map((key) => store.put(key, Buffer.from(key), 'text/plain')));
    }
    expect(await store.list('t/')).toEqual(keys);
    await store.remove(keys);
    expect(await store.list('')).toEqual([]);
    await store.close();
  });

  test.each([
    ['a wrong secret key', { secretAccessKey: 'wrong' }, 'AWS_SECRET_ACCESS_KEY'],
    ['an unknown access key', { accessKeyId: 'nobody' }, 'AWS_ACCESS_KEY_ID'],
    ['a bucket that is not there', { bucket: 'not-there' }, 'S3_BUCKET'],
  ])('%s is refused with the remedy', async (_, change, remedy) => {
    const store = storeAt({ ...inject('s3'), ...change });
    const refusal = { kind: 'configuration', message: expect.stringContaining(remedy) };
    await expect(store.put('a/b', Buffer.from('x'), 'text/plain')).rejects.toMatchObject(refusal);
    await expect(store.get('a/b')).rejects.toMatchObject(refusal);
    await expect(store.check()).rejects.toMatchObject(refusal);
    await store.close();
  });

  test('a server that is not there is unavailable, within a bounded time', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const store = storeAt({ ...inject('s3'), endpoint });
    const began = performance.now();
    await expect(store.put('a/b', Buffer.from('x'), 'text/plain')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('S3_ENDPOINT'),
    });
    expect(performance.now() - began).toBeLessThan(10_000);
    await store.close();
  });

  test('an upload that is broken off ends, also where the server takes none of its bytes', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const server = createServer((socket) => socket.once('data', () => socket.pause() && ask()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-upload-'));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const store = storeAt({ ...inject('s3'), endpoint });
    onTestFinished(async () => {
      await store.close();
      server.close();
      await rm(folder, { recursive: true });
    });
    const file = join(folder, 'file');
    await writeFile(file, Buffer.alloc(50 * 2 ** 20));
    const uploading = new AbortController();
    const put = store.putFile('a/b', file, 'text/plain', { signal: uploading.signal });
    void asked.then(() => uploading.abort(new Error('enough')));
    await expect(put).rejects.toThrow('enough');
  });
});
