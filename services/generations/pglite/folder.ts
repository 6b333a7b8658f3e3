import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import { PGlite } from '@electric-sql/pglite';

/**
 * Opens the database in a folder, which is made first if it is not there.
 *
 * @throws DarkroomError `configuration` when the folder holds something else or cannot be written
 */
export async function openFolder(folder: string): Promise<PGlite> {
  if (!existsSync(join(folder, 'PG_VERSION'))) await make(folder);
  try {
    return await PGlite.create({ dataDir: folder });
  } catch (cause) {
    throw new DarkroomError(
      'configuration',
      `The database in ${folder} does not start${reason(cause)}. It needs the right to write ` +
        'there, about 50 MB of free space, and no other process that has it open.',
      { cause },
    );
  }
}

/**
 * The first open writes a thousand files over seconds. They are made beside the folder and renamed
 * into place when whole, so that a process killed meanwhile, or a disk too small, leaves no
 * half-made database behind.
 */
async function make(folder: string): Promise<void> {
  if (existsSync(folder) && (await readdir(folder)).length > 0) {
    throw new DarkroomError(
      'configuration',
      `${folder} is not empty and holds no database. Move its files away, or choose another folder.`,
    );
  }
  const partial = `${folder}.partial`;
  try {
    await mkdir(dirname(folder), { recursive: true });
    await rm(partial, { recursive: true, force: true });
    await (await PGlite.create({ dataDir: partial })).close();
    await rename(partial, folder);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw new DarkroomError(
      'configuration',
      `No database could be made in ${folder}${reason(cause)}. It needs the right to write there ` +
        'and about 50 MB of free space.',
      { cause },
    );
  }
}

/** Emscripten's file errors carry only a number; Node's have a message. */
const reason = (cause: unknown): string =>
  cause instanceof Error && cause.message ? ` (${cause.message})` : '';
