import { setTimeout as wait } from 'node:timers/promises';
import { freshDatabase, startPostgres, startRabbitmq } from '@darkroom/testing';
import pg from 'pg';
import { benchCatalogue } from './bench-catalogue.ts';
import { forkWorkers } from './drain/worker-process.ts';
import { generateLoad } from './load/order.ts';
import type { Figure, Report } from './report.ts';
import { watchMemory } from './resident-memory.ts';
import { NO_STORAGE, startService } from './service-processes.ts';

const WORKERS = 4;
const ENGINE_MS = 50;
/** What four workers with one slot each could finish, were there nothing but the engine. */
const CAPACITY = (WORKERS * 1_000) / ENGINE_MS;
const MAX_QUEUED = 1_000;
/** How long the rehearsal takes, to its last answer. */
const REHEARSAL_S = 10;
/** From here on the memory may not grow. */
const SETTLED_MS = 10_000;
const BODY = { prompt: 'a large red star on a blue background', seed: 7 };

/**
 * Ten times as many requests as the workers can finish: what is accepted is finished, what is refused
 * is told when to come again, those accepted are answered at once, and nothing grows.
 */
export async function measureOverload(options: {
  seconds: number;
  times: number;
}): Promise<Report> {
  const { seconds, times } = options;
  await using cleanup = new AsyncDisposableStack();
  const [rabbitmq, postgres] = await Promise.all([startRabbitmq(), startPostgres()]);
  for (const server of [rabbitmq, postgres]) cleanup.defer(server.stop);
  const databaseUrl = await freshDatabase(postgres.url);
  const catalogue = await benchCatalogue(MAX_QUEUED);
  cleanup.defer(catalogue.remove);
  const frontend = await startService('frontend', {
    ...NO_STORAGE,
    AMQP_URL: rabbitmq.url,
    DATABASE_URL: databaseUrl,
    MODELS: catalogue.file,
    ALLOW_ANONYMOUS: '1',
  });
  cleanup.defer(async () => void (await frontend.stop()));
  const workers = await forkWorkers(WORKERS, {
    system: 'darkroom',
    amqpUrl: rabbitmq.url,
    databaseUrl,
    model: 'pinhole',
    slots: 1,
    engineMs: ENGINE_MS,
  });
  cleanup.defer(workers.end);
  await workers.start();
  const overload = (seconds: number) =>
    generateLoad({
      url: frontend.url,
      procedure: 'generations.create',
      body: BODY,
      connections: 256,
      perSecond: CAPACITY * times,
      seconds,
    });
  // Rehearsed, and drained again: compiled and connected, as a service that has run for a while.
  const rehearsal = await overload(REHEARSAL_S);
  const finishedBefore = await finishAll(databaseUrl, rehearsal.accepted);

  const memory = watchMemory([frontend.pid, ...workers.pids], SETTLED_MS);
  const load = await overload(seconds);
  const growth = await memory.stop();
  const accepted = rehearsal.accepted + load.accepted;
  const finished =
    finishedBefore < rehearsal.accepted ? finishedBefore : await finishAll(databaseUrl, accepted);

  const told = (what: string, value: number, unit: Figure['unit'] = ''): Figure => ({
    what,
    value,
    unit,
  });
  const most = (figure: Figure, value: number): Figure => ({
    ...figure,
    bar: { at: 'most', value },
  });
  return {
    benchmark: 'overload',
    setting: {
      seconds,
      'requests/s': CAPACITY * times,
      workers: WORKERS,
      'engine (ms)': ENGINE_MS,
      maxQueued: MAX_QUEUED,
    },
    figures: [
      told('accepted', load.accepted),
      told('refused', load.refused),
      most(told('accepted, not finished', accepted - finished), 0),
      most(told('refused without Retry-After', load.refusedWithoutRetryAfter), 0),
      most(told('answered with any other error', load.failed), 0),
      told('answer to those accepted, p50', load.p50Ms, 'ms'),
      most(told('answer to those accepted, p99', load.p99Ms, 'ms'), 250),
      most(told(`resident memory after ${SETTLED_MS / 1e3} s`, growth * 100, '%'), 5),
    ],
  };
}

/** Waits until everything accepted is finished, or until nothing has been for a while. */
async function finishAll(databaseUrl: string, accepted: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  let finished = -1;
  let since = performance.now();
  try {
    while (finished < accepted && performance.now() - since < 20_000) {
      const { rows } = await pool.query<{ finished: number }>(
        "select count(*)::int as finished from generations where state = 'succeeded'",
      );
      const now = rows[0]?.finished ?? 0;
      if (now > finished) since = performance.now();
      finished = now;
      await wait(200);
    }
    return finished;
  } finally {
    await pool.end();
  }
}
