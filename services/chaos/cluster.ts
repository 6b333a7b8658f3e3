import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import process from 'node:process';
import { promisify } from 'node:util';
import { pinhole } from '@darkroom/pinhole';
import {
  freePort,
  type PostgresProgram,
  type ProgramServer,
  type S3Location,
  startObjectStoreProgram,
  startPostgresProgram,
  startRabbitmqProgram,
  startTcpProxy,
  type TcpProxy,
  tellKeeper,
} from '@darkroom/testing';
import { readWorkerConfig } from '@darkroom/worker';
import { type Service, superviseService } from './service.ts';

const run = promisify(execFile);

/** Who runs, by name; what may be hit is drawn from it before anything has started. */
export const frontendNames = ['frontend-1', 'frontend-2'] as const;
export const namesOfWorkers = (count: number): string[] =>
  Array.from({ length: count }, (_, place) => `worker-${place + 1}`);
export const workerNames = namesOfWorkers(2);
export const serverNames = ['rabbitmq', 'postgres', 's3'] as const;

/** Every pair that talks: `client→frontend-1`, `worker-2→postgres`, … */
export const linkNames: readonly string[] = [
  ...frontendNames.map((name) => `client→${name}`),
  ...[...frontendNames, ...workerNames].flatMap((name) =>
    serverNames.map((server) => `${name}→${server}`),
  ),
];

/** How fast services notice that another is gone. */
export type Timing = {
  /** Variables of the workers; what is missing has its default. */
  environment: Record<string, string>;
  /** Of AMQP, in seconds: a dead peer is noticed after two of them. Absent: the broker's default. */
  amqpHeartbeat?: number;
};

/** Short, so that faults resolve within seconds. */
export const shortTiming: Timing = {
  environment: { LEASE_MS: '4000', HEARTBEAT_MS: '1000', STEP_TIMEOUT_MS: '4000' },
  amqpHeartbeat: 2,
};

/** What a user deploys. */
export const defaultTiming: Timing = { environment: {} };

/** Of the object store's file system, in MiB. */
const DISK_MIB = 512;

export type Cluster = {
  services: ReadonlyMap<string, Service>;
  servers: {
    rabbitmq: ProgramServer;
    postgres: PostgresProgram;
    s3: ProgramServer;
  };
  links: ReadonlyMap<string, TcpProxy>;
  /** Through which the load client reaches the frontends. */
  frontendUrls: string[];
  /** As seen without trouble. */
  objects: S3Location;
  /** Of the workers, in milliseconds. */
  lease: { leaseMs: number; heartbeatMs: number };
  /** Whether the object store's data has a small file system of its own. */
  smallDisk: boolean;
  /** When Postgres was set back, and to when; milliseconds since 1970. */
  restored: { from: number; to: number } | undefined;
  close(): Promise<void>;
};

export async function startCluster(options: {
  /** A folder for logs. */
  logs: string;
  /** A module that every service loads first. */
  preload?: string | undefined;
  /** How old a message may be before the sweep takes it for lost, in milliseconds. */
  republishAfterMs: number;
  workers: number;
  timing: Timing;
}): Promise<Cluster> {
  const { logs, preload, republishAfterMs, timing } = options;
  const workers = namesOfWorkers(options.workers);
  mkdirSync(logs, { recursive: true });
  await using cleanup = new AsyncDisposableStack();

  let disk: string | undefined;
  const starts = await Promise.allSettled([
    startRabbitmqProgram(),
    startPostgresProgram(),
    startObjectStoreProgram(async (data) => {
      disk = (await mountSmallDisk(data)) ? data : undefined;
    }),
  ]);
  for (const start of starts) {
    if (start.status === 'fulfilled') cleanup.defer(() => start.value.stop());
  }
  cleanup.defer(async () => {
    if (disk === undefined) return;
    await run('umount', ['--lazy', disk]);
    tellKeeper(`forget ${disk}`);
  });
  const [rabbitmq, postgres, s3] = starts.map((start) => {
    if (start.status === 'rejected') throw start.reason;
    return start.value;
  }) as [
    Awaited<ReturnType<typeof startRabbitmqProgram>>,
    PostgresProgram,
    Awaited<ReturnType<typeof startObjectStoreProgram>>,
  ];

  const links = new Map<string, TcpProxy>();
  const link = async (name: string, target: number): Promise<number> => {
    const proxy = await startTcpProxy(target);
    cleanup.defer(() => proxy.close());
    links.set(name, proxy);
    return proxy.port;
  };
  const through = async (name: string, url: string): Promise<string> => {
    const parsed = new URL(url);
    parsed.port = String(await link(name, Number(parsed.port)));
    return parsed.href;
  };

  const services = new Map<string, Service>();
  let lease = { leaseMs: 0, heartbeatMs: 0 };
  const start = async (service: 'frontend' | 'worker', name: string): Promise<number> => {
    const port = await freePort();
    const probesPort = service === 'frontend' ? await freePort() : port;
    const amqpUrl = new URL(await through(`${name}→rabbitmq`, rabbitmq.url));
    const { amqpHeartbeat } = timing;
    if (amqpHeartbeat !== undefined) amqpUrl.searchParams.set('heartbeat', String(amqpHeartbeat));
    const { location } = s3;
    const environment = {
      ...timing.environment,
      WORKER_ID: name,
      ALLOW_ANONYMOUS: '1',
      REPUBLISH_AFTER_MS: String(republishAfterMs),
      SHUTDOWN_DELAY_MS: '300',
      MODELS: pinhole.catalogue,
      AMQP_URL: amqpUrl.href,
      DATABASE_URL: await through(`${name}→postgres`, postgres.url),
      S3_ENDPOINT: (await through(`${name}→s3`, location.endpoint)).replace(/\/$/, ''),
      S3_BUCKET: location.bucket,
      AWS_REGION: location.region,
      AWS_ACCESS_KEY_ID: location.accessKeyId,
      AWS_SECRET_ACCESS_KEY: location.secretAccessKey,
    };
    if (service === 'worker') {
      const { LEASE_MS: leaseMs, HEARTBEAT_MS: heartbeatMs } = readWorkerConfig(environment);
      lease = { leaseMs, heartbeatMs };
    }
    const supervised = superviseService({
      service,
      name,
      port,
      probesPort,
      environment,
      preload,
      logs,
    });
    services.set(name, supervised);
    cleanup.defer(() => supervised.stop());
    return port;
  };
  const frontendUrls: string[] = [];
  for (const name of frontendNames) {
    const port = await link(`client→${name}`, await start('frontend', name));
    frontendUrls.push(`http://127.0.0.1:${port}`);
    // The first one makes the tables that all others look for.
    await services.get(name)?.ready(60);
  }
  for (const name of workers) await start('worker', name);
  await Promise.all(workers.map((name) => services.get(name)?.ready(90)));

  const owned = cleanup.move();
  return {
    services,
    servers: { rabbitmq, postgres, s3 },
    links,
    frontendUrls,
    objects: s3.location,
    lease,
    smallDisk: disk !== undefined,
    restored: undefined,
    close: () => owned.disposeAsync(),
  };
}

/** Mounting takes root; elsewhere the disk cannot be filled, and the report says so. */
async function mountSmallDisk(folder: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  try {
    tellKeeper(`mount ${folder}`);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'darkroom-chaos', folder]);
    return true;
  } catch {
    tellKeeper(`forget ${folder}`);
    return false;
  }
}
