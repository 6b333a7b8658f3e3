import { DarkroomError } from '@darkroom/contract';

/** Where a page ended: the list's order is (createdAt, id), newest first. */
type Position = { createdAt: string; id: string };

const format =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/;

/** Opaque to callers. `created_at` is kept in whole milliseconds, so ISO text loses nothing. */
export const encodeCursor = ({ createdAt, id }: Position): string =>
  Buffer.from(`${createdAt} ${id}`).toString('base64url');

/** @throws DarkroomError (`request`) for anything but what `encodeCursor` returned */
export function decodeCursor(cursor: string): Position {
  const [, createdAt, id] = format.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (createdAt === undefined || id === undefined || Number.isNaN(Date.parse(createdAt))) {
    throw new DarkroomError(
      'request',
      'The cursor is not one that this list returned. Pass nextCursor unchanged, or leave it out ' +
        'to start from the newest.',
    );
  }
  return { createdAt, id };
}
