import type { Buffer } from 'node:buffer';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { isOfRelease } from '../lock.ts';
import { sumsOf } from '../manifest-files.ts';

/** More than any release has, so that an archive of anybody cannot fill the memory. */
const LARGEST = 64 * 2 ** 20;

/**
 * The files of a folder as tar and gzip: the same files give the same bytes, whoever packs them, when and
 * where. They are not compressed, as implementations of zlib do that differently.
 */
export async function packFolder(folder: string): Promise<Buffer> {
  const archive = pack();
  const packed = buffer(archive);
  for (const name of Object.keys(await sumsOf(folder))) {
    const header = { name, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 };
    archive.entry(header, await readFile(join(folder, name)));
  }
  archive.finalize();
  const gzip = gzipSync(await packed, { level: 0 });
  // The byte that tells the operating system: unknown (RFC 1952).
  gzip[9] = 255;
  return gzip;
}

/**
 * Writes the files of such an archive into a folder.
 *
 * @throws Error for anything but files that a release may have
 */
export async function unpackInto(folder: string, archive: Buffer): Promise<void> {
  const entries = extract();
  entries.end(gunzipSync(archive, { maxOutputLength: LARGEST }));
  for await (const entry of entries) {
    const { name, type } = entry.header;
    const parts = name.split('/');
    // A name comes from whoever made the archive, and must not lead out of the folder.
    const odd = parts.some((part) => part === '' || part === '.' || part === '..');
    if (type !== 'file' || odd || name.includes('\\') || !isOfRelease(parts[0] ?? '')) {
      throw new Error(`its archive has ${name} (${type}), which is of no release`);
    }
    const target = join(folder, name);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await buffer(entry));
  }
}
