import { expect, test } from 'vitest';
import type { ReleaseLock } from '../release/lock.ts';
import type { Manifest } from '../render/manifest.ts';
import { obsoleteIn } from './apply.ts';
import { FIELD_MANAGER } from './kube-api.ts';
import { createRecord, heldObjects, lockDigest, objectsDigest } from './record.ts';
import { serveApi } from './testing/api-server.ts';
import { entry } from './testing/history.ts';

const object = (apiVersion: string, kind: string, name: string): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'darkroom' },
});
const namespace: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'darkroom' } };
const applied = (manifest: Manifest) => ({
  ...manifest,
  metadata: {
    ...manifest.metadata,
    managedFields: [{ manager: FIELD_MANAGER, operation: 'Apply' }],
  },
});

const kept = object('v1', 'ConfigMap', 'kept');
const dropped = object('v1', 'ConfigMap', 'dropped');
const ofDroppedKind = object('batch/v1', 'Job', 'dropped');
/** The cluster does not serve its kind any more. */
const gone = object('example.com/v1', 'Widget', 'gone');
const foreign = object('batch/v1', 'Job', 'foreign');

/** A cluster that runs a release of these objects, or was interrupted at one. */
async function clusterWith(state: 'verified' | 'applying' | 'replaced') {
  const server = await serveApi();
  const api = server.open();
  const record = createRecord(api);
  const objects = { infrastructure: [namespace], apps: [kept, dropped, ofDroppedKind, gone] };
  const lock = { release: '1' } as unknown as ReleaseLock;
  await record.store({ lock, golden: [], objects });
  const bound = { lock: lockDigest(lock), objects: objectsDigest(objects) };
  await record.write([entry('1', state, bound)]);
  const path = '/api/v1/namespaces/darkroom/configmaps';
  const jobs = '/apis/batch/v1/namespaces/darkroom/jobs';
  server.objects.set(`${path}/kept`, applied(kept));
  server.objects.set(`${path}/dropped`, applied(dropped));
  server.objects.set(`${jobs}/dropped`, applied(ofDroppedKind));
  server.objects.set(`${jobs}/foreign`, foreign);
  return { api, record };
}
const names = (objects: readonly Manifest[]) =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();

test.each(['verified', 'applying'] as const)(
  'what a release that is %s has is obsolete in the next, also of kinds that this has nowhere',
  async (state) => {
    const { api, record } = await clusterWith(state);
    const next = [namespace, kept];
    expect(names(await obsoleteIn(api, next, await heldObjects(record)))).toEqual([
      'ConfigMap dropped',
      'Job dropped',
    ]);
  },
);

test('kinds of releases before the last are not sought', async () => {
  const { record } = await clusterWith('replaced');
  expect(await heldObjects(record)).toEqual([]);
});
