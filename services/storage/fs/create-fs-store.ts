import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkKey, folderOfPrefix } from '../key.ts';
import type { ObjectStore, StoredObject } from '../object-store.ts';
import { contentBytes, decodeFile, encodeTrailer, MAX_TRAILER_BYTES } from './file-format.ts';
import { codeOf, fsError, isMissing } from './fs-error.ts';

/** A draft this old belongs to a process that is gone, in milliseconds. */
const ABANDONED_AFTER = 3_600_000;

/**
 * Objects as files of one folder, for the embedded service. A write is complete and on disk, or
 * not there: a draft is written aside, synced, and renamed to its place.
 */
export function createFsStore({ folder }: { folder: string }): ObjectStore {
  const objects = join(resolve(folder), 'objects');
  const drafts = join(resolve(folder), 'drafts');
  const pathOf = (key: string): string => join(objects, ...checkKey(key).split('/'));

  async function writeDraft(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    contentType: string,
  ): Promise<string> {
    await mkdir(drafts, { recursive: true });
    const draft = join(drafts, randomUUID());
    try {
      const file = await open(draft, 'wx');
      try {
        await file.writeFile(content);
        await file.writeFile(encodeTrailer(contentType));
        await file.sync();
      } finally {
        await file.close();
      }
      return draft;
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  /** Puts a draft in its place; a `remove` beside it may take the folder away in between. */
  async function place(draft: string, path: string, attempts = 5): Promise<void> {
    try {
      await mkdir(dirname(path), { recursive: true });
      await rename(draft, path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && attempts > 1) return place(draft, path, attempts - 1);
      await rm(draft, { force: true });
      await removeEmptyFolders(dirname(path));
      throw error;
    }
  }

  async function removeEmptyFolders(from: string): Promise<void> {
    for (let path = from; path.startsWith(objects) && path !== objects; path = dirname(path)) {
      try {
        await rmdir(path);
      } catch (error) {
        if (!isMissing(error)) return;
      }
    }
  }

  async function removeAbandonedDrafts(): Promise<void> {
    for (const name of await readdir(drafts)) {
      const draft = join(drafts, name);
      const written = await stat(draft).catch(() => undefined);
      if (written !== undefined && Date.now() - written.mtimeMs > ABANDONED_AFTER) {
        await rm(draft, { force: true });
      }
    }
  }

  return {
    async put(key, bytes, contentType) {
      const path = pathOf(key);
      try {
        await place(await writeDraft(bytes, contentType), path);
      } catch (error) {
        throw fsError(`write ${key}`, folder, error);
      }
    },

    async get(key, { maxBytes = Number.POSITIVE_INFINITY } = {}) {
      const path = pathOf(key);
      try {
        const limit = maxBytes + 1;
        const isLarger = (await stat(path)).size > limit + MAX_TRAILER_BYTES;
        if (isLarger) return await readBeginning(path, limit);
        const { bytes, contentType } = decodeFile(await readFile(path));
        return { bytes: bytes.subarray(0, limit), contentType };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw fsError(`read ${key}`, folder, error);
      }
    },

    async putFile(key, path, contentType, { signal } = {}) {
      const target = pathOf(key);
      try {
        const content = createReadStream(path, { ...(signal && { signal }) });
        await place(await writeDraft(content, contentType), target);
      } catch (error) {
        signal?.throwIfAborted();
        throw fsError(`write ${key}`, folder, error);
      }
    },

    async read(key) {
      const path = pathOf(key);
      try {
        const { file, end } = await openContent(path);
        return readOn(file, end, (error) => fsError(`read ${key}`, folder, error));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw fsError(`read ${key}`, folder, error);
      }
    },

    async remove(keys) {
      for (const path of keys.map(pathOf)) {
        try {
          await rm(path, { force: true });
          await removeEmptyFolders(dirname(path));
        } catch (error) {
          if (!isMissing(error)) throw fsError('remove objects', folder, error);
        }
      }
    },

    async list(prefix) {
      const from = folderOfPrefix(prefix);
      try {
        const entries = await readdir(join(objects, ...from), {
          recursive: true,
          withFileTypes: true,
        });
        return entries
          .filter((entry) => entry.isFile())
          .map(({ parentPath, name }) => join(parentPath, name).slice(objects.length + 1))
          .map((path) => path.replaceAll('\\', '/'))
          .filter((key) => key.startsWith(prefix))
          .sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw fsError('list objects', folder, error);
      }
    },

    async check() {
      try {
        await mkdir(objects, { recursive: true });
        await rm(await writeDraft(new Uint8Array(), 'text/plain'));
        await removeAbandonedDrafts();
      } catch (error) {
        throw fsError('write', folder, error);
      }
    },

    async close() {},
  };
}

/** The end of the file, which names the content type, is not read. */
async function readBeginning(path: string, limit: number): Promise<StoredObject> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(limit), 0, limit, 0);
    return { bytes: buffer.subarray(0, bytesRead), contentType: 'application/octet-stream' };
  } finally {
    await file.close();
  }
}

async function openContent(path: string): Promise<{ file: FileHandle; end: number }> {
  const file = await open(path);
  try {
    return { file, end: await contentBytes(file) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A file up to the end that names its content type. */
async function* readOn(
  file: FileHandle,
  end: number,
  toError: (error: unknown) => Error,
): AsyncIterable<Uint8Array> {
  try {
    if (end > 0) yield* file.createReadStream({ end: end - 1, autoClose: false });
  } catch (error) {
    throw toError(error);
  } finally {
    await file.close();
  }
}
