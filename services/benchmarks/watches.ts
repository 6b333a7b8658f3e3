import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { newKey } from '@darkroom/frontend';
import { connectPostgresStore, type GenerationStore } from '@darkroom/generations';
import { type Broker, connectRabbitmq } from '@darkroom/messaging';
import {
  freshDatabase,
  removeFolder,
  startPostgres,
  startRabbitmq,
  temporaryFolder,
} from '@darkroom/testing';
import { benchCatalogue } from './bench-catalogue.ts';
import { generateLoad } from './load/order.ts';
import { type Figure, percentile, type Report } from './report.ts';
import { watchMemory } from './resident-memory.ts';
import { NO_STORAGE, startService } from './service-processes.ts';
import { openCrowd } from './watches/order.ts';

const REQUEST = { prompt: 'a large red star on a blue background', steps: 150, count: 16, seed: 7 };
const ALL_STEPS = REQUEST.steps * REQUEST.count;
const CREATES_PER_S = 20;
const LEASE_MS = 600_000;
const TIMINGS = { modelLoadMs: 0, inferenceMs: 0, storeMs: 0 };
/** After the watches are open: until then V8 grows its heap to what the load needs. From then on none. */
const SETTLED_MS = 30_000;
/** Of Linux's clock, in which it counts the time that a process has run. */
const TICKS_PER_S = 100;

/**
 * Each tenant has one running job of 150 steps × 16 pictures, and its share of the watches watches
 * it; another tenant creates at a pace beside them. No create may be refused or late, every watch
 * must see the end, and the frontend's memory may not grow. The jobs' steps are told as a worker
 * tells them, at a set pace; no engine runs.
 */
export async function measureWatches(options: {
  watches: number;
  tenants: number;
  stepsPerSecond: number;
}): Promise<Report> {
  const { watches, tenants, stepsPerSecond } = options;
  await using cleanup = new AsyncDisposableStack();
  const [rabbitmq, postgres] = await Promise.all([startRabbitmq(), startPostgres()]);
  for (const server of [rabbitmq, postgres]) cleanup.defer(server.stop);
  const databaseUrl = await freshDatabase(postgres.url);
  const catalogue = await benchCatalogue(1_000_000);
  cleanup.defer(catalogue.remove);
  const folder = temporaryFolder('keys');
  cleanup.defer(() => removeFolder(folder));
  const names = Array.from({ length: tenants }, (_, i) => `watcher-${i}`);
  const { file, authorizationOf } = await keysFile(folder, [...names, 'creator']);
  const frontend = await startService('frontend', {
    ...NO_STORAGE,
    AMQP_URL: rabbitmq.url,
    DATABASE_URL: databaseUrl,
    MODELS: catalogue.file,
    API_KEYS_FILE: file,
  });
  const store = await connectPostgresStore({ connectionString: databaseUrl });
  cleanup.defer(store.close);
  const broker = await connectRabbitmq({ url: rabbitmq.url });
  cleanup.defer(broker.close);

  const jobs = await Promise.all(
    names.map(async (tenant) => {
      const authorization = authorizationOf(tenant);
      const id = await create(frontend.url, authorization);
      return { id, authorization, job: await claimed(store, id) };
    }),
  );
  const crowd = openCrowd({
    url: frontend.url,
    watches: jobs.map(({ id, authorization }, i) => ({
      id,
      authorization,
      count: Math.floor(((i + 1) * watches) / tenants) - Math.floor((i * watches) / tenants),
    })),
  });
  await crowd.open;

  frontend.endWarmUp();
  const seconds = ALL_STEPS / stepsPerSecond;
  const memory = watchMemory([frontend.pid], SETTLED_MS);
  const cpuBefore = await cpuSeconds(frontend.pid);
  const probing = probe(`${frontend.probesUrl}/healthz`, seconds);
  const creating = generateLoad({
    url: frontend.url,
    procedure: 'generations.create',
    body: { prompt: REQUEST.prompt },
    authorization: authorizationOf('creator'),
    connections: 20,
    perSecond: CREATES_PER_S,
    seconds,
  });
  await Promise.all(jobs.map(({ job }) => tellSteps(broker, job, stepsPerSecond)));
  const cpu = ((await cpuSeconds(frontend.pid)) - cpuBefore) / seconds;
  const growth = await memory.stop();
  const [load, healthz] = await Promise.all([creating, probing]);
  await Promise.all(jobs.map(({ job }) => complete(store, broker, job)));
  const result = await crowd.result;
  const delay = await frontend.stop();

  const most = (what: string, value: number, bar: number, unit: Figure['unit'] = ''): Figure => ({
    what,
    value,
    unit,
    bar: { at: 'most', value: bar },
  });
  const told = (what: string, value: number, unit: Figure['unit'] = ''): Figure => ({
    what,
    value,
    unit,
  });
  return {
    benchmark: 'watches',
    setting: {
      watches,
      tenants,
      'running jobs': tenants,
      'steps of each': ALL_STEPS,
      'steps/s of each': stepsPerSecond,
      'creates/s': CREATES_PER_S,
      seconds,
    },
    figures: [
      told('creates accepted', load.accepted),
      most('creates refused', load.refused + load.failed, 0),
      told('create, p50', load.p50Ms, 'ms'),
      most('create, p99', load.p99Ms, 250, 'ms'),
      most('watches that did not see the end', watches - result.sawEnd, 0),
      told('events, each watch', result.events / watches / seconds, '/s'),
      most(`resident memory after ${SETTLED_MS / 1e3} s`, growth * 100, 5, '%'),
      told('frontend, of one core', cpu * 100, '%'),
      told('frontend event-loop delay, p99.9', delay.p999, 'ms'),
      told('frontend event-loop delay, longest', delay.max, 'ms'),
      told('/healthz, p99', percentile(healthz, 0.99), 'ms'),
    ],
  };
}

async function keysFile(folder: string, tenants: readonly string[]) {
  const keys = tenants.map((tenant) => ({
    tenant,
    ...newKey({ id: tenant, tenant, scopes: ['generations:read', 'generations:write'] }),
  }));
  const file = join(folder, 'keys.json');
  const limits = { requestsPerMinute: 1_000_000, active: 1_000_000, watches: 1_000_000 };
  await writeFile(file, JSON.stringify({ keys: keys.map(({ entry }) => entry), defaults: limits }));
  const authorizations = new Map(keys.map(({ tenant, key }) => [tenant, `Bearer ${key}`]));
  return { file, authorizationOf: (tenant: string) => authorizations.get(tenant) ?? '' };
}

async function create(url: string, authorization: string): Promise<string> {
  const answer = await fetch(`${url}/trpc/generations.create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify(REQUEST),
  });
  const { result } = (await answer.json()) as { result: { data: { id: string } } };
  return result.data.id;
}

type Job = { id: string; fence: number; revision: number };

async function claimed(store: GenerationStore, id: string): Promise<Job> {
  const result = await store.claim({
    id,
    claimId: id,
    worker: 'bench',
    leaseMs: LEASE_MS,
    maxAttempts: 5,
  });
  if (!result.claimed) throw new Error(`${id} was not claimed: ${result.reason}`);
  return { id, fence: result.claim.fence, revision: result.claim.record.revision };
}

async function tellSteps(broker: Broker, { id, revision }: Job, perSecond: number): Promise<void> {
  const began = performance.now();
  for (let step = 0; step < ALL_STEPS; ) {
    const due = Math.min(ALL_STEPS, ((performance.now() - began) / 1e3) * perSecond);
    for (; step < due; step += 1) {
      const progress = { step: step + 1, steps: ALL_STEPS };
      broker.publishEvent({ version: 1, type: 'progress', generationId: id, revision, progress });
    }
    await wait(5);
  }
}

async function complete(store: GenerationStore, broker: Broker, job: Job): Promise<void> {
  const { id, fence, revision } = job;
  await store.complete({ id, fence, images: [], timings: TIMINGS });
  const about = { version: 1, generationId: id, revision: revision + 1 } as const;
  broker.publishEvent({ ...about, type: 'state', state: 'succeeded' });
}

/** Milliseconds of each answer, ten a second. */
async function probe(url: string, seconds: number): Promise<number[]> {
  const took: number[] = [];
  const ends = performance.now() + seconds * 1e3;
  while (performance.now() < ends) {
    const began = performance.now();
    await (await fetch(url)).text();
    took.push(performance.now() - began);
    await wait(100);
  }
  return took;
}

/** What a process has used of all cores until now. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Its name, in parentheses, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
