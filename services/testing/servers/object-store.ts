import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { given, inherited } from './config.ts';
import { startContainer } from './container.ts';
import { accepts, freePort, removeFolder, startProgram, temporaryFolder } from './program.ts';
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
    return { ...givenServer('S3_ENDPOINT'), location };
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
  if (started === undefined) return startObjectStoreProgram();
  const endpoint = `http://${started.host}:${started.ports[0]}`;
  return { ...started.server, location: await createBucket({ endpoint, ...defaults }) };
}

/**
 * versitygw as a program of our own, whatever else there is.
 *
 * @param prepare is given the folder of its data before anything lies there
 */
export async function startObjectStoreProgram(
  prepare?: (data: string) => Promise<void>,
): Promise<ObjectStoreServer & ProgramServer> {
  const program = await findVersitygw();
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
      command: program,
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
  let running = await launch();
  return {
    origin: 'program',
    location: await createBucket({ endpoint: `http://127.0.0.1:${port}`, ...defaults }),
    data,
    signal: (signal) => running.signal(signal),
    halt: () => running.stop(),
    kill: () => running.kill(),
    async start() {
      running = await launch();
    },
    async stop() {
      await running.kill();
      await removeFolder(folder);
    },
  };
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
