import type { Entry } from '../record.ts';

/** An entry of a cluster's record: `state` of a release whose lock is named like it. */
export const entry = (
  release: string,
  state: Entry['state'],
  changed: Partial<Entry> = {},
): Entry => ({
  release,
  lock: `sha256:${release}`,
  objects: 'sha256:bound',
  state,
  from: null,
  by: 'ann@laptop',
  beganAt: '2026-01-01T11:00:00.000Z',
  ...(state !== 'applying' && { endedAt: '2026-01-01T12:00:00.000Z' }),
  ...changed,
});
