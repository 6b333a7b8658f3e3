import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ObjectStore } from '../object-store.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What every driver of the port promises. `open` gives a store that is empty. */
export function describeObjectStore(open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;

  beforeEach(async () => {
    store = await open();
  });
  afterEach(async () => {
    await store.close();
  });

  describe('an object', () => {
    test.each([0, 1, 255, 65_536, 3 * 2 ** 20])(
      'of %i bytes comes back as it was',
      async (size) => {
        const bytes = new Uint8Array(randomBytes(size));
        await store.put('tenant/generation/0-abc', bytes, 'image/png');
        const object = await store.get('tenant/generation/0-abc');
        expect(object?.contentType).toBe('image/png');
        expect(Buffer.compare(object?.bytes ?? text('nothing'), bytes)).toBe(0);
      },
    );

    test.each([0, 1, 65_536, 20 * 2 ** 20])(
      'of %i bytes comes from a file, and is read as it comes',
      async (size) => {
        const folder = await mkdtemp(join(tmpdir(), 'darkroom-object-'));
        onTestFinished(() => rm(folder, { recursive: true }));
        const bytes = randomBytes(size);
        await writeFile(join(folder, 'file'), bytes);
        await store.putFile('models/a/b.onnx', join(folder, 'file'), 'application/octet-stream');
        const chunks = [];
        for await (const chunk of (await store.read('models/a/b.onnx')) ?? []) chunks.push(chunk);
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
        expect(await store.get('models/a/b.onnx', { maxBytes: 0 })).toBeDefined();
      },
    );

    test('from a file is not written where that is broken off', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'darkroom-object-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      await writeFile(join(folder, 'file'), randomBytes(20 * 2 ** 20));
      const putting = new AbortController();
      const put = store.putFile('a/b', join(folder, 'file'), 'application/octet-stream', {
        signal: putting.signal,
      });
      putting.abort(new Error('enough'));
      await expect(put).rejects.toThrow('enough');
      expect(await store.get('a/b')).toBeUndefined();
    });

    test('that was never put is undefined', async () => {
      await store.put('a/b/c', text('c'), 'text/plain');
      expect(await store.get('a/b/d')).toBeUndefined();
      expect(await store.get('a/b')).toBeUndefined();
      expect(await store.read('a/b/d')).toBeUndefined();
      expect(await store.read('a/b')).toBeUndefined();
    });

    test.each([
      [0, 1],
      [100, 101],
      [299_998, 299_999],
      [299_999, 300_000],
      [300_000, 300_000],
      [1_000_000, 300_000],
    ])('is read up to %i bytes and one more: %i of 300,000', async (maxBytes, length) => {
      const bytes = new Uint8Array(randomBytes(300_000));
      await store.put('a/b', bytes, 'image/png');
      const object = await store.get('a/b', { maxBytes });
      expect(object?.bytes.length).toBe(length);
      expect(Buffer.compare(object?.bytes ?? text(''), bytes.subarray(0, length))).toBe(0);
    });

    test('put again is replaced', async () => {
      await store.put('a/b', text('a much longer first value'), 'text/plain');
      await store.put('a/b', text('second'), 'application/json');
      const object = await store.get('a/b');
      expect(new TextDecoder().decode(object?.bytes)).toBe('second');
      expect(object?.contentType).toBe('application/json');
    });

    test('put by many at once is whole', async () => {
      const values = Array.from({ length: 12 }, (_, i) => text(String(i).repeat(50_000)));
      await Promise.all(values.map((value) => store.put('a/b', value, 'text/plain')));
      const bytes = Buffer.from((await store.get('a/b'))?.bytes ?? []);
      expect(values.some((value) => bytes.equals(value))).toBe(true);
    });
  });

  describe('removing', () => {
    test('takes the named objects alone', async () => {
      for (const key of ['t/1/a', 't/1/b', 't/2/a']) await store.put(key, text(key), 'text/plain');
      await store.remove(['t/1/a', 't/2/a', 't/3/never-there']);
      expect(await store.list('')).toEqual(['t/1/b']);
    });

    test('nothing is no error', async () => {
      await expect(store.remove([])).resolves.toBeUndefined();
    });

    test('beside a put in the same folder loses nothing', async () => {
      await store.put('t/1/old', text('old'), 'text/plain');
      await Promise.all([
        store.remove(['t/1/old']),
        store.put('t/1/new', text('new'), 'text/plain'),
      ]);
      expect(await store.list('t/')).toEqual(['t/1/new']);
    });
  });

  describe('listing', () => {
    test('gives the keys of a prefix in order', async () => {
      const keys = ['t/10/a', 't/1/b', 't/1/a', 't-2/a', 'u/1/a', 'single'];
      for (const key of keys) await store.put(key, text(key), 'text/plain');
      expect(await store.list('t/1/')).toEqual(['t/1/a', 't/1/b']);
      expect(await store.list('t/1')).toEqual(['t/1/a', 't/1/b', 't/10/a']);
      expect(await store.list('t')).toEqual(['t-2/a', 't/1/a', 't/1/b', 't/10/a']);
      expect(await store.list('none/')).toEqual([]);
      expect(await store.list('')).toEqual([...keys].sort());
    });
  });

  const wrongKeys = [
    ...['', '/', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/./b', 'a/..'],
    ...['a\\b', 'a b', 'a\0b', 'ä', 'a%2e%2e/b', 'a:b', 'x'.repeat(600)],
  ];
  describe.each(wrongKeys)('the key %j', (key) => {
    test('is refused everywhere', async () => {
      const refusal = { kind: 'request', message: expect.stringContaining('not an object key') };
      await expect(store.put(key, text('x'), 'text/plain')).rejects.toMatchObject(refusal);
      await expect(store.putFile(key, 'x', 'text/plain')).rejects.toMatchObject(refusal);
      await expect(store.get(key)).rejects.toMatchObject(refusal);
      await expect(store.read(key)).rejects.toMatchObject(refusal);
      await expect(store.remove([key])).rejects.toMatchObject(refusal);
      expect(await store.list('')).toEqual([]);
    });
  });

  test.each(['../', '/a', 'a/../', 'a//'])('the prefix %j is refused', async (prefix) => {
    await expect(store.list(prefix)).rejects.toMatchObject({ kind: 'request' });
  });

  test('a store that can be used passes its check and holds nothing after', async () => {
    await store.check();
    expect(await store.list('')).toEqual([]);
  });
}
