import { expect, test } from 'vitest';
import { CommandFailure } from '../commands/failure.ts';
import type { ReleaseLock } from '../release/lock.ts';
import { createRecord, ensureNamespace, lockDigest, objectsDigest, recorded } from './record.ts';
import { serveApi } from './testing/api-server.ts';
import { entry } from './testing/history.ts';

const collection = '/api/v1/namespaces/darkroom-releases/configmaps';
const names = (objects: Map<string, unknown>) =>
  [...objects.keys()].map((path) => path.replace(`${collection}/`, '')).toSorted();
const stored = (release: string) => ({
  lock: { release } as unknown as ReleaseLock,
  golden: [],
  objects: {
    infrastructure: [],
    apps: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: release } }],
  },
});
const boundOf = ({ lock, objects }: ReturnType<typeof stored>) => ({
  lock: lockDigest(lock),
  objects: objectsDigest(objects),
});

test('a cluster without a record has no history, and no release', async () => {
  const record = createRecord((await serveApi()).open());
  expect(await record.history()).toEqual([]);
  expect(await record.release(boundOf(stored('1')))).toBeUndefined();
});

test('what is written is read again, a release by what it is and how it was bound', async () => {
  const record = createRecord((await serveApi()).open());
  const release = stored('1');
  const history = [entry('1', 'verified', { ...boundOf(release), from: 'staging' })];
  await record.store(release);
  await record.write(history);
  expect(await record.history()).toEqual(history);
  expect(await record.release(boundOf(release))).toEqual(release);
  const otherwise = { ...boundOf(release), objects: boundOf(stored('2')).objects };
  expect(await record.release(otherwise)).toBeUndefined();
});

test('releases that the history has no more are taken away, and nothing else', async () => {
  const server = await serveApi();
  const record = createRecord(server.open());
  const own = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'notes' } };
  server.objects.set(`${collection}/notes`, own);
  await record.store(stored('1'));
  await record.store(stored('2'));
  expect(names(server.objects)).toHaveLength(3);
  const history = recorded([], entry('2', 'verified', boundOf(stored('2'))));
  await record.write(history);
  expect(names(server.objects)).toEqual([
    'history',
    'notes',
    expect.stringMatching(/^release-[0-9a-f]{12}-[0-9a-f]{12}$/),
  ]);
  expect(await record.release(boundOf(stored('2')))).toEqual(stored('2'));
});

test.each([
  ['another state', JSON.stringify([{ ...entry('1', 'verified'), state: 'fine' }]), /\[0\]\.state/],
  ['half of its text', '[{ "release":', /it is no JSON: /],
])('a history with %s is named, with what is wrong', async (_, history, words) => {
  const server = await serveApi();
  server.objects.set(`${collection}/history`, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'history' },
    data: { history },
  });
  const reading = createRecord(server.open()).history();
  await expect(reading).rejects.toThrow(CommandFailure);
  await expect(reading).rejects.toThrow(
    'darkroom-releases/history of production is not as it must be',
  );
  await expect(reading).rejects.toThrow(words);
});

test("the record's namespace is made once, also by two at once", async () => {
  const server = await serveApi();
  const api = server.open();
  await Promise.all([ensureNamespace(api), ensureNamespace(api)]);
  await ensureNamespace(api);
  expect(names(server.objects)).toEqual(['/api/v1/namespaces/darkroom-releases']);
});
