import {
  chmod,
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeObjectStore } from '../testing/store-contract.ts';
import { createFsStore } from './create-fs-store.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-storage-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const filesOf = async (path: string): Promise<string[]> =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

describe('the fs store', () => {
  describeObjectStore(async () => createFsStore({ folder }));

  test('writes pictures as files that viewers open', async () => {
    const png = Buffer.from('89504e470d0a1a0a', 'hex');
    await createFsStore({ folder }).put('t/g/0-abc', png, 'image/png');
    const file = await readFile(join(folder, 'objects', 't', 'g', '0-abc'));
    expect(file.subarray(0, png.length).equals(png)).toBe(true);
  });

  test('syncs the whole file before the object is in its place', async () => {
    const store = createFsStore({ folder });
    await store.put('t/g/0-old', Buffer.from('old'), 'image/png');
    const handle = await open(join(folder, 'objects', 't', 'g', '0-old'));
    const files = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const sync = files.sync;
    const synced: { drafts: string[]; placed: string[] }[] = [];
    const syncing = vi.spyOn(files, 'sync').mockImplementation(async function (this: FileHandle) {
      const drafts = join(folder, 'drafts');
      const texts = (await readdir(drafts)).map((name) => readFile(join(drafts, name), 'utf8'));
      synced.push({ drafts: await Promise.all(texts), placed: await store.list('t/g/') });
      await sync.call(this);
    });
    await store.put('t/g/1-new', Buffer.from('new'), 'image/png');
    syncing.mockRestore();
    expect(synced).toEqual([{ drafts: ['newimage/png\t'], placed: ['t/g/0-old'] }]);
    expect(await store.list('t/g/')).toEqual(['t/g/0-old', 't/g/1-new']);
  });

  test('leaves no draft and no empty folder behind', async () => {
    const store = createFsStore({ folder });
    await store.put('t/g/0-abc', Buffer.from('x'), 'image/png');
    await store.remove(['t/g/0-abc']);
    expect(await filesOf(folder)).toEqual([]);
    expect(await readdir(join(folder, 'objects'))).toEqual([]);
  });

  test('a key that is the folder of another is refused, and nothing stays', async () => {
    const store = createFsStore({ folder });
    await store.put('t/g/0-abc', Buffer.from('x'), 'image/png');
    for (const key of ['t/g', 't/g/0-abc/d']) {
      await expect(store.put(key, Buffer.from('y'), 'image/png')).rejects.toMatchObject({
        kind: 'request',
      });
    }
    expect(await filesOf(folder)).toEqual(['0-abc']);
  });

  test('its check sweeps drafts of processes long gone', async () => {
    const store = createFsStore({ folder });
    await store.check();
    const [old, young] = [join(folder, 'drafts', 'old'), join(folder, 'drafts', 'young')];
    await writeFile(old, 'half');
    await writeFile(young, 'half');
    await utimes(old, new Date(0), new Date(0));
    await store.check();
    expect(await readdir(join(folder, 'drafts'))).toEqual(['young']);
  });

  test('a folder that is a file is named with the remedy', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await chmod(file, 0o600);
    await expect(createFsStore({ folder: file }).check()).rejects.toMatchObject({
      name: 'DarkroomError',
      message: expect.stringContaining(file),
    });
  });
});
