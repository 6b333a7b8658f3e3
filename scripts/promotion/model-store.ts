import { createS3Store, type ObjectStore } from '@darkroom/storage';
import { MODEL_SOURCE_PREFIX } from '@darkroom/worker';
import { CommandFailure } from '../commands/failure.ts';
import type { Manifest } from '../render/manifest.ts';
import { forwardService, type ServicePort } from './forward-service.ts';
import type { KubeApi } from './kube-api.ts';
import type { Target } from './target.ts';

/** Where an environment has its models: as its workers are told, and as this machine reaches it. */
export type ModelStore = {
  environment: string;
  endpoint: string;
  bucket: string;
  region: string;
  /** The Secret of the namespace darkroom with its keys. */
  secret: string;
  /** What the endpoint is inside the environment's cluster, where this machine does not reach it itself. */
  service?: ServicePort & { context: string };
};

/** `http://NAME.NAMESPACE.svc…`. One with TLS has a certificate for that name, by which it is not forwarded. */
const serviceHost = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.|$)/;
/** The checksum that kustomize puts at the end of the name is left out. */
const endpointsName = /^endpoints(-[a-z0-9]{10})?$/;

/**
 * Finds it in what an environment's release is rendered to.
 *
 * @throws CommandFailure where nothing tells the workers
 */
export function modelStoreOf(
  { name, cluster, objectStore }: Pick<Target, 'name' | 'cluster' | 'objectStore'>,
  objects: readonly Manifest[],
): ModelStore {
  const endpoints = objects.find(
    ({ kind, metadata }) =>
      kind === 'ConfigMap' &&
      metadata.namespace === 'darkroom' &&
      endpointsName.test(metadata.name),
  );
  const told = (endpoints?.['data'] ?? {}) as Record<string, string | undefined>;
  const { S3_ENDPOINT: workers, S3_BUCKET: bucket, AWS_REGION: region = 'us-east-1' } = told;
  if (workers === undefined || bucket === undefined) {
    throw new CommandFailure(
      `${name} tells its workers no object store: set S3_ENDPOINT and S3_BUCKET in its ConfigMap darkroom/endpoints`,
    );
  }
  const url = new URL(objectStore.endpoint ?? workers);
  const [, service, namespace] = serviceHost.exec(url.hostname) ?? [];
  return {
    environment: name,
    endpoint: url.href.replace(/\/$/, ''),
    bucket,
    region,
    secret: objectStore.secret,
    ...(service !== undefined &&
      namespace !== undefined &&
      url.protocol === 'http:' && {
        service: {
          namespace,
          name: service,
          port: Number(url.port || 80),
          context: cluster.context,
        },
      }),
  };
}

/** A model's place in it, for people. Services of two clusters may have one address. */
export const placeOf = ({ endpoint, bucket, service }: ModelStore, name: string): string =>
  `s3://${bucket}/${MODEL_SOURCE_PREFIX}${name} at ${endpoint}${service ? ` of ${service.context}` : ''}`;

/** What is done with it. */
export type OpenModelStore = Pick<
  ObjectStore,
  'get' | 'read' | 'put' | 'putFile' | 'list' | 'close'
>;

/**
 * Opens it with the keys that the environment's cluster has for it.
 *
 * @throws CommandFailure where the Secret lacks them, or no pod of its Service is ready
 */
export async function openModelStore(api: KubeApi, store: ModelStore): Promise<OpenModelStore> {
  const { environment, bucket, region, service } = store;
  const credentials = await readKeys(api, store);
  const forwarded =
    service &&
    (await forwardService(api, service).catch((error: Error) => {
      throw new CommandFailure(
        `the object store of ${environment} is not reached: ${error.message}; see that it runs, or name another ` +
          `address as objectStore.endpoint in ${environment}/target.yaml`,
      );
    }));
  const endpoint = forwarded ? `http://127.0.0.1:${forwarded.port}` : store.endpoint;
  const objects = createS3Store({ endpoint, bucket, region, credentials });
  return {
    ...objects,
    close: async () => {
      await objects.close();
      forwarded?.close();
    },
  };
}

async function readKeys(api: KubeApi, { environment, secret }: ModelStore) {
  const found = await api.get<Manifest & { data?: Record<string, string> }>({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secret, namespace: 'darkroom' },
  });
  const key = (name: string) => Buffer.from(found?.data?.[name] ?? '', 'base64').toString();
  const [accessKeyId, secretAccessKey] = [key('AWS_ACCESS_KEY_ID'), key('AWS_SECRET_ACCESS_KEY')];
  if (accessKeyId !== '' && secretAccessKey !== '') return { accessKeyId, secretAccessKey };
  throw new CommandFailure(
    `${environment} has no Secret darkroom/${secret} with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ` +
      `by which its models are read and written: put them there, or name another Secret as objectStore.secret in ` +
      `${environment}/target.yaml`,
  );
}
