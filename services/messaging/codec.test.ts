import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { decodeEvent, decodeJob } from './codec.ts';

const job = { version: 1, generationId: randomUUID(), revision: 1, model: 'pinhole' };
const cancel = { version: 1, type: 'cancel', generationId: randomUUID(), revision: 2 };
const bytes = (message: object) => Buffer.from(JSON.stringify(message));

test('messages of the release after are read, less the fields that are new', () => {
  expect(decodeJob(bytes({ ...job, version: 2, priority: 7 }))).toEqual({
    ok: true,
    value: { ...job, version: 2 },
  });
  expect(decodeEvent(bytes({ ...cancel, version: 2, by: 'ada' }))).toEqual({
    ok: true,
    value: { ...cancel, version: 2 },
  });
});

test('messages of a release beyond are not', () => {
  expect(decodeJob(bytes({ ...job, version: 3 }))).toMatchObject({
    ok: false,
    reason: expect.stringContaining('version'),
  });
  expect(decodeEvent(bytes({ ...cancel, version: 3 }))).toMatchObject({ ok: false });
});
