import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterDown } from '../cluster/down.ts';
import { client as stagingClient } from '../cluster/testing/cluster-under-test.ts';
import { repository } from '../repository.ts';
import type { Report } from './report.ts';
import { createProduction, productionNames } from './testing/production-cluster.ts';
import type { Promotions } from './testing/promotions.ts';
import { createPromotions } from './testing/promotions.ts';
import { differencesSuite } from './testing/suites/differences.ts';
import { interruptionsSuite } from './testing/suites/interruptions.ts';
import { modelsSuite } from './testing/suites/models.ts';
import { refusalsSuite } from './testing/suites/refusals.ts';
import { setbacksSuite } from './testing/suites/setbacks.ts';
import {
  addProduction,
  createStaging,
  type Staging,
  type TwoClusters,
} from './testing/two-clusters.ts';

let production: ReturnType<typeof createProduction> | undefined;
let one: Staging;
let two: TwoClusters;
let promotions: Promotions;
let release: string;
let entered: Report;
let isInBoth = false;

beforeAll(async () => {
  // While a release enters staging, where most of it is waiting.
  production = createProduction(console.error);
  production.catch(() => {});
  one = await createStaging();
  promotions = createPromotions(one, production);
  release = await one.source.build(one.images);
  // What made this cluster holds its fields, and other tests have changed some.
  entered = await promotions.enter(release, '--force-conflicts');
  two = await addProduction(one, await production);
}, 1_800_000);

afterAll(async () => {
  await one?.remove();
  // Its pods would take the processor from the test that follows, which is timed.
  if (process.env['DARKROOM_TEST_KEEP'] !== undefined) return;
  await production?.catch(() => {});
  await clusterDown({ names: productionNames, note: console.error });
});

/** The digest of every image that a cluster's pods of Darkroom run, by container. */
async function runningDigests(kubectl: TwoClusters['production']): Promise<Map<string, string>> {
  type Pod = {
    metadata: { name: string; labels: Record<string, string> };
    spec: { containers: { name: string; image: string }[] };
    status: { containerStatuses?: { name: string; imageID: string }[] };
  };
  const found = new Map<string, string>();
  for (const namespace of ['darkroom', 'darkroom-data', 'darkroom-gpu', 'keda', 'monitoring']) {
    const list = await kubectl.get<{ items: Pod[] }>(['pods', '--namespace', namespace]);
    for (const { metadata, status } of list?.items ?? []) {
      for (const { name, imageID } of status.containerStatuses ?? []) {
        // A worker may be starting.
        if (imageID === '') continue;
        found.set(
          `${metadata.labels['app.kubernetes.io/name']}/${name}`,
          imageID.split('@')[1] ?? '',
        );
      }
    }
  }
  return found;
}

const picture = { prompt: 'a large red star on a blue background', seed: 7 };

async function make(client: TwoClusters['client']): Promise<Uint8Array> {
  const { images } = await client.generate(picture);
  const [image] = images;
  if (image === undefined) throw new Error('no picture was made');
  return client.fetchImage(image);
}

describe('a release', () => {
  test('that has entered staging goes on to an empty production', async () => {
    expect(entered.outcome).toBe('promoted');
    const promoted = await promotions.goOn();
    expect(promoted).toMatchObject({ outcome: 'promoted', providers: { pinhole: 'cpu' } });
    expect(promoted.plan).toMatchObject({ release, from: 'staging' });
    // From one registry to the other.
    for (const { from, to } of promoted.plan.images) expect(from).not.toBe(to);
    isInBoth = true;
  });

  test('makes the same picture in both, to the byte', async () => {
    const [staging, production] = [await make(stagingClient), await make(two.client)];
    await writeFile(join(repository, 'out', 'production.png'), production);
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    expect(sha256(production)).toBe(sha256(staging));
  });

  // After a picture, so that both have a worker.
  test('has the same digests in both, those of its lock', async () => {
    const [staging, production] = await Promise.all([
      runningDigests(two.staging),
      runningDigests(two.production),
    ]);
    const locked = Object.values(two.images);
    expect(production.size).toBeGreaterThan(8);
    for (const [container, digest] of production) {
      expect.soft(locked, container).toContain(digest);
      expect.soft(staging.get(container), container).toBe(digest);
    }
  });

  test('that is there already changes nothing', async () => {
    const before = await promotions.versions();
    const began = performance.now();
    const report = await promotions.goOn();
    expect(report).toMatchObject({ outcome: 'nothing to do', plan: { changes: [] } });
    console.info(`nothing to do: ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    expect(await promotions.versions()).toEqual(before);
  });
});

describe('with a release in both', () => {
  beforeAll(() => {
    if (!isInBoth) throw new Error('no release is in both clusters: see the first test');
  });

  describe('two clusters', () => differencesSuite(() => ({ two, promotions })));
  describe('refused before anything is applied', () => refusalsSuite(() => ({ two, promotions })));
  describe('interrupted', () => interruptionsSuite(() => ({ two, promotions })));
  describe('takes itself back', () => setbacksSuite(() => ({ two, promotions })));
  // The last: it binds other numbers of workers.
  describe('a model of the object store', () => modelsSuite(() => ({ two, promotions })));
});
