import { setTimeout as wait } from 'node:timers/promises';
import { migratePostgres } from '@darkroom/generations';
import { pinhole } from '@darkroom/pinhole';
import {
  freshDatabase,
  progressBar,
  startPostgres,
  startRabbitmq,
  startRedis,
} from '@darkroom/testing';
import pg from 'pg';
import { bullmqSystem, type DrainedSystem, darkroomSystem, pgBossSystem } from './drain/systems.ts';
import { forkWorkers, type WorkerProcesses } from './drain/worker-process.ts';
import { generateLoad } from './load/order.ts';
import { peerVersions } from './peers/versions.ts';
import { type Figure, median, percentile, type Report } from './report.ts';
import { NO_STORAGE, startService } from './service-processes.ts';

const WORKERS = 4;
const PER_SECOND = 50;

/**
 * Jobs finished per second by four workers whose engine takes no time and whose pictures go
 * nowhere, from a full queue to an empty one, against peers in the same run; and how long a request
 * waits for an idle worker.
 */
export async function measureDrain(options: {
  jobs: number;
  rounds: number;
  slots: number;
}): Promise<Report> {
  const { jobs, rounds, slots } = options;
  await using cleanup = new AsyncDisposableStack();
  const [rabbitmq, postgres, redis] = await Promise.all([
    startRabbitmq(),
    startPostgres(),
    startRedis({ appendfsync: 'everysec' }),
  ]);
  for (const server of [rabbitmq, postgres, redis]) cleanup.defer(server.stop);
  const databaseUrl = await freshDatabase(postgres.url);
  await migratePostgres(databaseUrl);

  const systems = [
    await darkroomSystem({ amqpUrl: rabbitmq.url, databaseUrl, slots }),
    await bullmqSystem({ name: 'BullMQ', host: redis.host, port: redis.port, slots }),
    await pgBossSystem({ databaseUrl: await freshDatabase(postgres.url), slots }),
  ];
  const drained: { system: DrainedSystem; workers: WorkerProcesses; rates: number[] }[] = [];
  for (const system of systems) {
    cleanup.defer(system.close);
    const workers = await forkWorkers(WORKERS, system.order);
    cleanup.defer(workers.end);
    drained.push({ system, workers, rates: [] });
  }

  const bar = progressBar('rounds', rounds * systems.length);
  for (let round = 0; round < rounds; round++) {
    for (const { system, workers, rates } of drained) {
      rates.push(await drain(system, workers, jobs));
      bar.advance();
    }
  }
  bar.stop();

  const [own, bullmq, pgBoss] = drained;
  if (!own || !bullmq || !pgBoss) throw new Error('three systems were set up');
  const waits = await measureWaits({ amqpUrl: rabbitmq.url, databaseUrl, workers: own.workers });
  const ratio = (other: { rates: number[] }) =>
    median(own.rates.map((rate, round) => rate / (other.rates[round] ?? Number.NaN)));
  // What the record and the broker sustain shows only where no worker waits for an answer to go on.
  const isSaturated = slots > 1;
  const rate = ({ system, rates }: (typeof drained)[number], least?: number): Figure => ({
    what: `${system.name}, finished`,
    value: median(rates),
    unit: '/s',
    ...(least !== undefined && { bar: { at: 'least', value: least } }),
  });
  const ms = (what: string, value: number, most: number): Figure => ({
    what,
    value,
    unit: 'ms',
    bar: { at: 'most', value: most },
  });
  return {
    benchmark: 'drain',
    setting: { jobs, rounds, workers: WORKERS, 'slots each': slots, ...peerVersions },
    figures: [
      rate(own, isSaturated ? 2_000 : undefined),
      {
        what: 'darkroom, a worker from one job to the next',
        value: (WORKERS * slots * 1e3) / median(own.rates),
        unit: 'ms',
      },
      rate(bullmq),
      rate(pgBoss),
      {
        what: 'darkroom ÷ pg-boss, one by one',
        value: ratio(pgBoss),
        unit: '×',
        ...(isSaturated && { bar: { at: 'least', value: 1 } }),
      },
      { what: 'darkroom ÷ BullMQ (everysec)', value: ratio(bullmq), unit: '×' },
      ms(`accepted to claimed at ${PER_SECOND}/s, p50`, median(waits), 8),
      ms(`accepted to claimed at ${PER_SECOND}/s, p99`, percentile(waits, 0.99), 30),
    ],
  };
}

async function drain(
  system: DrainedSystem,
  workers: WorkerProcesses,
  jobs: number,
): Promise<number> {
  const before = await system.done();
  await system.fill(jobs);
  const began = performance.now();
  await workers.start();
  while ((await system.done()) < before + jobs) await wait(20);
  const seconds = (performance.now() - began) / 1e3;
  await workers.stop();
  return jobs / seconds;
}

/** Milliseconds from record to claim, by the database's clock, through a real frontend. */
async function measureWaits(options: {
  amqpUrl: string;
  databaseUrl: string;
  workers: WorkerProcesses;
}): Promise<number[]> {
  const { amqpUrl, databaseUrl, workers } = options;
  const frontend = await startService('frontend', {
    ...NO_STORAGE,
    AMQP_URL: amqpUrl,
    DATABASE_URL: databaseUrl,
    MODELS: pinhole.catalogue,
    ALLOW_ANONYMOUS: '1',
  });
  await workers.start();
  const pace = (seconds: number) =>
    generateLoad({
      url: frontend.url,
      procedure: 'generations.create',
      body: { prompt: 'a large red star on a blue background', seed: 7 },
      connections: 16,
      perSecond: PER_SECOND,
      seconds,
    });
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  try {
    await pace(5);
    const { rows: now } = await pool.query<{ now: Date }>('select now()');
    const { accepted } = await pace(20);
    for (;;) {
      const { rows } = await pool.query<{ queued_ms: number }>(
        "select queued_ms from generations where created_at > $1 and state = 'succeeded'",
        [now[0]?.now],
      );
      if (rows.length >= accepted) return rows.map(({ queued_ms }) => queued_ms);
      await wait(50);
    }
  } finally {
    await pool.end();
    await workers.stop();
    await frontend.stop();
  }
}
