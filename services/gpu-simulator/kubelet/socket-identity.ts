import { stat } from 'node:fs/promises';

/** Tells the socket at a path from a later one at the same path. */
export type SocketIdentity = { inode: bigint; changedAtNs: bigint };

/** @returns undefined where there is none */
export async function socketIdentity(path: string): Promise<SocketIdentity | undefined> {
  try {
    const { ino, ctimeNs } = await stat(path, { bigint: true });
    return { inode: ino, changedAtNs: ctimeNs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The inode alone does not tell: file systems give a removed file's to the next. The time of the
 * change does, because making a socket sets it and connecting to one does not.
 */
export const isSameSocket = (
  one: SocketIdentity | undefined,
  other: SocketIdentity | undefined,
): boolean => one?.inode === other?.inode && one?.changedAtNs === other?.changedAtNs;
