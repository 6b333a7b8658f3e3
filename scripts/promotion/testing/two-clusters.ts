import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type DarkroomClient } from '@darkroom/client/source';
import { exec } from '../../cluster/exec.ts';
import type { Kubectl } from '../../cluster/kubectl.ts';
import { contextOf, folderOf } from '../../cluster/names.ts';
import { cluster, kubectl, url } from '../../cluster/testing/cluster-under-test.ts';
import { writeEnvironment } from './environments.ts';
import { productionNames } from './production-cluster.ts';
import {
  createReleaseSource,
  type Images,
  imagesOf,
  type ReleaseSource,
} from './release-source.ts';

/** The cluster under test as staging. */
export type Staging = {
  /** The folder of the environments. */
  environments: string;
  staging: Kubectl;
  source: ReleaseSource;
  images: Images;
  /** The files alone: the clusters stay until `npm run test:cluster` removes all. */
  remove(): Promise<void>;
};

/** With another one as production. */
export type TwoClusters = Staging & {
  production: Kubectl;
  /** The client of production; there once a release is. */
  client: DarkroomClient;
  /** Puts an image made from another into a registry. @returns its digest */
  derive(
    image: string,
    options: { to: 'staging' | 'production'; dockerfile: readonly string[] },
  ): Promise<string>;
};

/** Registries that manifests name; the nodes of each cluster are led to its own. */
const registries = ['localhost:5001', 'docker.io', 'ghcr.io', 'registry.k8s.io'];

/** Nothing has to be looked at for long; what starts has the time of a slow machine. */
const patience = { bakeSeconds: 3, rolloutSeconds: 600, pictureSeconds: 300 };

const reached = (port: string | number | undefined) =>
  Object.fromEntries(registries.map((name) => [name, `127.0.0.1:${port}`]));
const idOf = (of: Kubectl) =>
  of.run(['get', 'namespace', 'kube-system', '--output', 'jsonpath={.metadata.uid}']);
const stagingPort = async () =>
  (await exec('docker', ['port', `${cluster.name}-registry`, '5000'])).trim().split(':').at(-1);

export async function createStaging(): Promise<Staging> {
  const environments = await mkdtemp(join(tmpdir(), 'darkroom-environments-'));
  const source = await createReleaseSource();
  await writeEnvironment(
    environments,
    'staging',
    {
      cluster: { context: `kind-${cluster.name}`, id: await idOf(kubectl) },
      url,
      registries: reached(await stagingPort()),
      // Other tests have ended its pods again and again, those of broker and database among them.
      toleratedAlerts: [
        ...['CreateFailuresBurnFast', 'CreateSlowBurnFast', 'JobsFailing', 'PodCrashLooping'],
        ...['PublishFailing', 'QueueUnserved', 'RecordAway', 'TargetDown'],
      ],
      signedBy: { key: source.publicKey },
      ...patience,
    },
    { maxWorkers: 4 },
  );
  return {
    environments,
    staging: kubectl,
    source,
    images: await imagesOf(folderOf({ cluster: cluster.name })),
    remove: async () => {
      source.remove();
      await rm(environments, { recursive: true });
    },
  };
}

export async function addProduction(staging: Staging, production: Kubectl): Promise<TwoClusters> {
  await writeEnvironment(
    staging.environments,
    'production',
    {
      cluster: { context: contextOf(productionNames), id: await idOf(production) },
      url: `http://127.0.0.1:${productionNames.port}`,
      registries: reached(productionNames.registryPort),
      accepts: ['staging'],
      soakSeconds: 0,
      signedBy: { key: staging.source.publicKey },
      ...patience,
    },
    { maxWorkers: 3 },
  );
  const key = await production.run([
    ...['--namespace', 'darkroom', 'get', 'secret', 'first-api-key'],
    ...['--output', 'jsonpath={.data.key}'],
  ]);
  return {
    ...staging,
    production,
    client: createClient({
      url: `http://127.0.0.1:${productionNames.port}`,
      apiKey: Buffer.from(key, 'base64').toString(),
    }),
    derive: async (image, { to, dockerfile }) => {
      const port = to === 'staging' ? await stagingPort() : productionNames.registryPort;
      const target = `127.0.0.1:${port}/${image}:derived`;
      await exec('docker', ['build', '--tag', target, '-'], {
        input: [`FROM ${image}:local`, ...dockerfile, ''].join('\n'),
        env: { DOCKER_BUILDKIT: '0' },
      });
      const out = await exec('docker', ['push', target]);
      return out.match(/digest: (sha256:[0-9a-f]{64})/)?.[1] ?? '';
    },
  };
}
