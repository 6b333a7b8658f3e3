import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DarkroomClient } from '@darkroom/client/source';
import { pinhole } from '@darkroom/pinhole';
import { createS3Store, type ObjectStore } from '@darkroom/storage';
import { hasModel, MODEL_SOURCE_PREFIX } from '@darkroom/worker';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { client as stagingClient } from '../../../cluster/testing/cluster-under-test.ts';
import { readRelease } from '../../../release/read-release.ts';
import { platformPath } from '../../../render/render.ts';
import { openEnvironment } from '../../environment.ts';
import { forwardService } from '../../forward-service.ts';
import { darkroom } from '../darkroom.ts';
import { editLayer } from '../environments.ts';
import type { Promotions } from '../promotions.ts';
import type { TwoClusters } from '../two-clusters.ts';

type Rig = () => { two: TwoClusters; promotions: Promotions };

/** The built-in model's files under a name that no image has. After it in order: the first is the default. */
const NAME = 'pinhole2';
const APPS = ['--namespace', 'darkroom'];

export function modelsSuite(rig: Rig): void {
  // The other tests' cluster goes on without it.
  afterAll(async () => {
    const workers = [`scaledobject/worker-${NAME}`, `deployment/worker-${NAME}`];
    await rig().two.staging.run([...APPS, 'delete', ...workers, '--ignore-not-found']);
  });

  test('goes along with the release, by its digest', async () => {
    const { two, promotions } = rig();
    const staging = await objectStoreOf(two, 'staging');
    const pushed = await darkroom(['models', 'push', pinhole.folder, '--name', NAME, '--json'], {
      env: staging,
    });
    expect(pushed.code, pushed.stderr).toBe(0);
    const { digest } = JSON.parse(pushed.stdout) as { digest: string };

    await addModel(two);
    const release = await two.source.build(two.images, { [NAME]: pinhole.folder });
    const { lock } = await readRelease(join(two.source.releases, release));
    expect(lock.models[NAME]).toBe(digest);
    const entered = await promotions.enter(release);
    expect(entered.plan.models).toHaveLength(1);
    expect(entered.plan.models[0]?.from).toBe(entered.plan.models[0]?.to);

    const production = openStore(await objectStoreOf(two, 'production'));
    const version = { name: NAME, digest: digest.replace('sha256:', '') };
    const at = { objects: production, prefix: MODEL_SOURCE_PREFIX };
    // Clusters that were kept have it from the run before.
    await production.remove(await production.list(`${MODEL_SOURCE_PREFIX}${NAME}/`));
    expect(await hasModel(at, version)).toBe(false);
    const promoted = await promotions.goOn();
    expect(promoted).toMatchObject({ outcome: 'promoted', providers: { [NAME]: 'cpu' } });
    expect(promoted.plan.models).toEqual([
      {
        ...{ name: NAME, digest },
        from: expect.stringContaining(`models/${NAME} at http://object-store.`),
        to: expect.stringMatching(/ of kind-.*-target$/),
      },
    ]);
    expect(await hasModel(at, version)).toBe(true);
    expect(await promotions.goOn()).toMatchObject({ outcome: 'nothing to do' });
  });

  test('makes the same picture in both, to the byte', async () => {
    const { client } = rig().two;
    expect(await make(client)).toEqual(await make(stagingClient));
  });
}

async function make(client: DarkroomClient): Promise<Buffer> {
  const request = { model: NAME, prompt: 'a large red star on a blue background', seed: 7 };
  const { images } = await client.generate(request);
  const [image] = images;
  if (image === undefined) throw new Error('no picture was made');
  return Buffer.from(await client.fetchImage(image));
}

/** Adds it to the release as docs/platform.md says, and lets both environments have workers for two models. */
async function addModel({ source, environments }: TwoClusters): Promise<void> {
  for (const file of [
    ...['golden.json', 'model.json', 'kustomization.yaml'],
    ...['worker/model.yaml', 'worker/kustomization.yaml'],
  ]) {
    const text = await readFile(platformPath(`models/${pinhole.name}/${file}`), 'utf8');
    await source.change(`models/${NAME}/${file}`, () => text.replaceAll(/\bpinhole\b/g, NAME));
  }
  await source.change('models/kustomization.yaml', (text) => `${text}  - ${NAME}\n`);
  // There are four GPUs, and the quota has two more for workers that end while others begin.
  for (const environment of ['staging', 'production']) {
    await editLayer(environments, environment, 'apps', ({ patches, ...rest }) => ({
      ...rest,
      patches: patches.map(({ target, patch }) => ({
        target,
        patch:
          target['labelSelector'] === undefined ? patch : patch.replace(/value: \d+/, 'value: 2'),
      })),
    }));
  }
}

type StoreVariables = {
  S3_ENDPOINT: string;
  S3_BUCKET: string;
  AWS_ACCESS_KEY_ID: string;
  AWS_SECRET_ACCESS_KEY: string;
};

/** The variables of an environment's bucket, with its store at a port of this machine until the test ends. */
async function objectStoreOf(
  two: TwoClusters,
  name: 'staging' | 'production',
): Promise<StoreVariables> {
  const { api } = await openEnvironment(two.environments, name);
  const service = { namespace: 'darkroom-data', name: 'object-store', port: 7070 };
  const forwarded = await forwardService(api, service);
  onTestFinished(forwarded.close);
  const secret = await two[name].get<{ data: Record<string, string> }>([
    ...['secret/worker-credentials', ...APPS],
  ]);
  const key = (of: string) => Buffer.from(secret?.data[of] ?? '', 'base64').toString();
  return {
    S3_ENDPOINT: `http://127.0.0.1:${forwarded.port}`,
    S3_BUCKET: 'darkroom',
    AWS_ACCESS_KEY_ID: key('AWS_ACCESS_KEY_ID'),
    AWS_SECRET_ACCESS_KEY: key('AWS_SECRET_ACCESS_KEY'),
  };
}

function openStore(variables: StoreVariables): ObjectStore {
  const objects = createS3Store({
    endpoint: variables.S3_ENDPOINT,
    bucket: variables.S3_BUCKET,
    region: 'us-east-1',
    credentials: {
      accessKeyId: variables.AWS_ACCESS_KEY_ID,
      secretAccessKey: variables.AWS_SECRET_ACCESS_KEY,
    },
  });
  onTestFinished(objects.close);
  return objects;
}
