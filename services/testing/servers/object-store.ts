import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { given, inherited } from './config.ts';
import { startContainer } from './container.ts';
import {
  accepts,
  freePort,
  type RunningProgram,
  removeFolder,
  startProgram,
  temporaryFolder,
} from './program.ts';
import { givenServer, type ProgramServer, type Server, type ServerOptions } from './server.ts';
import { findVersitygw, VERSITYGW_VERSION } from './versitygw/build.ts';

/** How to reach a bucket. */
export type S3Location = {
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
};

export type ObjectStoreServer = Server & { location: S3Location };

const credentials = { accessKeyId: 'darkroom', secretAccessKey: 'darkroom-secret' };
const defaults = { bucket: 'darkroom', region: 'us-east-1', ...credentials };

/** versitygw over a folder: from `S3_ENDPOINT`, in a container, or built from its Go module. */
export async function startObjectStore(options: ServerOptions = {}): Promise<ObjectStoreServer> {
  const { server, ready } = await beginObjectStore(options);
  await ready;
  return server;
}

/**
 * The same, but resolves as soon as the location is known. Building versitygw takes minutes, in
 * which tests that need no object store can run.
 *
 * @returns ready: resolves when the server answers and the bucket exists
 */
export async function beginObjectStore(
  options: ServerOptions = {},
): Promise<{ server: ObjectStoreServer; ready: Promise<void> }> {
  if (given.s3Endpoint !== undefined && options.private !== true) {
    const { awsAccessKeyId, awsSecretAccessKey } = given;
    if (awsAccessKeyId === undefined || awsSecretAccessKey === undefined) {
      throw new Error('S3_ENDPOINT is set, so set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY too');
    }
    const location = {
      endpoint: given.s3Endpoint,
      bucket: given.s3Bucket,
      region: given.awsRegion,
      accessKeyId: awsAccessKeyId,
      secretAccessKey: awsSecretAccessKey,
    };
    return { server: { ...givenServer('S3_ENDPOINT'), location }, ready: Promise.resolve() };
  }
  const started = await startContainer({
    image: `versity/versitygw:${VERSITYGW_VERSION}`,
    ports: [7070],
    environment: {
      ROOT_ACCESS_KEY: credentials.accessKeyId,
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
    // Two folders that its Alpine base brings.
    command: [
      ...['--port', ':7070', '--region', defaults.region, '--keep-alive', '--quiet'],
      ...['posix', '--sidecar', '/var/tmp', '/srv'],
    ],
  });
  if (started === undefined) return beginObjectStoreProgram();
  const endpoint = `http://${started.host}:${started.ports[0]}`;
  const location = { endpoint, ...defaults };
  return { server: { ...started.server, location }, ready: createBucket(location).then(() => {}) };
}

/**
 * versitygw as a program of our own, whatever else there is.
 *
 * @param prepare is given the folder of its data before anything lies there
 */
export async function startObjectStoreProgram(
  prepare?: (data: string) => Promise<void>,
): Promise<ObjectStoreServer & ProgramServer> {
  const { server, ready } = await beginObjectStoreProgram(prepare);
  await ready;
  return server;
}

async function beginObjectStoreProgram(
  prepare?: (data: string) => Promise<void>,
): Promise<{ server: ObjectStoreServer & ProgramServer; ready: Promise<void> }> {
  const folder = temporaryFolder('object-store');
  const data = join(folder, 'data');
  await mkdir(data);
  await prepare?.(data);
  const port = await freePort();
  // Metadata goes to a folder beside the objects: not every temporary folder has user attributes.
  const objects = join(data, 'objects');
  const metadata = join(data, 'metadata');
  await mkdir(objects);
  await mkdir(metadata);
  const launch = async () => {
    const running = startProgram({
      name: 'versitygw',
      command: await findVersitygw(),
      args: [
        ...['--port', `127.0.0.1:${port}`, '--region', defaults.region, '--keep-alive', '--quiet'],
        ...['posix', '--sidecar', metadata, objects],
      ],
      cwd: folder,
      env: {
        ...inherited,
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
    });
    await running.waitUntil(() => accepts(port), 30);
    return running;
  };
  const location = { endpoint: `http://127.0.0.1:${port}`, ...defaults };
  let running: RunningProgram | undefined;
  const first = launch().then(async (program) => {
    running = program;
    await createBucket(location);
  });
  const server = {
    origin: 'program' as const,
    location,
    data,
    signal: (signal: NodeJS.Signals) => running?.signal(signal),
    halt: async () => running?.stop(),
    kill: async () => running?.kill(),
    async start() {
      running = await launch();
    },
    async stop() {
      await first.catch(() => {});
      await running?.kill();
      await removeFolder(folder);
    },
  };
  return { server, ready: first };
}

/** Creates the bucket of a location on its server. */
export async function createBucket(location: S3Location): Promise<S3Location> {
  const { endpoint, bucket, region, accessKeyId, secretAccessKey } = location;
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
  return location;
}
