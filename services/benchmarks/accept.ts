import { join } from 'node:path';
import {
  freshDatabase,
  progressBar,
  startPostgres,
  startRabbitmq,
  startRedis,
} from '@darkroom/testing';
import pg from 'pg';
import { benchCatalogue } from './bench-catalogue.ts';
import { generateLoad, type LoadResult } from './load/order.ts';
import type { PeerOrder } from './peers/queue.ts';
import { peerVersions } from './peers/versions.ts';
import { type Figure, median, type Report } from './report.ts';
import { NO_STORAGE, nodeFlags, startProcess, startService } from './service-processes.ts';

/** What is asked for, over and over. */
const BODY = { prompt: 'a large red star on a blue background', seed: 7, steps: 20 };

const peerFrontend = join(import.meta.dirname, 'peers/frontend.ts');

/**
 * Requests accepted per second, each recorded on disk and confirmed by the broker, through the real
 * frontend, against the same frontend backed by BullMQ and by pg-boss. All take turns in one run.
 */
export async function measureAccept(options: {
  connections: number;
  rounds: number;
  seconds: number;
}): Promise<Report> {
  const { connections, rounds, seconds } = options;
  await using cleanup = new AsyncDisposableStack();
  const [rabbitmq, postgres, always, everysec] = await Promise.all([
    startRabbitmq(),
    startPostgres(),
    startRedis({ appendfsync: 'always' }),
    startRedis({ appendfsync: 'everysec' }),
  ]);
  for (const server of [rabbitmq, postgres, always, everysec]) cleanup.defer(server.stop);
  const databaseUrl = await freshDatabase(postgres.url);
  const durability = await showDurability(databaseUrl);

  // No bound: how fast requests are taken is measured, not when they are refused.
  const catalogue = await benchCatalogue(1_000_000);
  cleanup.defer(catalogue.remove);
  const common = { MODELS: catalogue.file, MAX_EVENT_LOOP_DELAY_MS: '60000' };
  const flags = await nodeFlags('frontend');
  const peer = (name: string, order: PeerOrder) =>
    startProcess(name, peerFrontend, { ...common, PEER: JSON.stringify(order) }, flags);
  const { host, port } = always;
  const frontends = {
    darkroom: await startService('frontend', {
      ...common,
      ...NO_STORAGE,
      AMQP_URL: rabbitmq.url,
      DATABASE_URL: databaseUrl,
      ALLOW_ANONYMOUS: '1',
    }),
    'BullMQ always': await peer('bullmq-always', { peer: 'bullmq', host, port }),
    'BullMQ everysec': await peer('bullmq-everysec', {
      peer: 'bullmq',
      host: everysec.host,
      port: everysec.port,
    }),
    'pg-boss': await peer('pg-boss', {
      peer: 'pg-boss',
      databaseUrl: await freshDatabase(postgres.url),
    }),
  };
  type Name = keyof typeof frontends;
  const names = Object.keys(frontends) as Name[];
  for (const name of names) cleanup.defer(async () => void (await frontends[name].stop()));

  const results = new Map<Name, LoadResult[]>(names.map((name) => [name, []]));
  const bar = progressBar('rounds', (rounds + 1) * names.length);
  // The first round warms up: compiled code, open connections, tables that are no longer empty.
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const result = await generateLoad({
        url: frontends[name].url,
        procedure: 'generations.create',
        body: BODY,
        connections,
        seconds,
      });
      if (result.failed > 0) throw new Error(`${name} fails: ${JSON.stringify(result)}`);
      if (name === 'darkroom') await takeConfirmed(databaseUrl, result.accepted);
      if (round > 0) results.get(name)?.push(result);
      bar.advance();
    }
  }
  bar.stop();

  const rates = (name: Name) =>
    (results.get(name) ?? []).map((result) => result.accepted / result.seconds);
  const rate = (name: Name): Figure => ({ what: name, value: median(rates(name)), unit: '/s' });
  const own = rates('darkroom');
  const ratio = (name: Name, least: number): Figure => ({
    what: `darkroom ÷ ${name}`,
    value: median(rates(name).map((theirs, round) => (own[round] ?? 0) / theirs)),
    unit: '×',
    bar: { at: 'least', value: least },
  });
  const all = [...results.values()].flat();
  const refused = all.reduce((sum, result) => sum + result.refused, 0);
  const p99 = median((results.get('darkroom') ?? []).map(({ p99Ms }) => p99Ms));
  return {
    benchmark: 'accept',
    setting: { connections, rounds, seconds, ...durability, ...peerVersions },
    figures: [
      ...names.map(rate),
      ratio('BullMQ always', 1),
      ratio('BullMQ everysec', 0.8),
      ratio('pg-boss', 1),
      { what: 'darkroom, answer p99', value: p99, unit: 'ms' },
      // By the guard of the event loop, which is the same in all: more than a few is a busy machine.
      { what: 'refused, of all', value: refused, unit: '' },
    ],
  };
}

async function query<Row extends pg.QueryResultRow>(databaseUrl: string, text: string) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<Row>(text).finally(() => client.end());
  return rows;
}

async function showDurability(databaseUrl: string): Promise<Record<string, string>> {
  const [row] = await query<{ fsync: string; synchronous_commit: string }>(
    databaseUrl,
    "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit",
  );
  if (row?.fsync !== 'on' || row.synchronous_commit !== 'on') {
    throw new Error(`Postgres does not write to disk before it answers: ${JSON.stringify(row)}`);
  }
  return row;
}

/**
 * Accepted is not enough here: the broker has confirmed each, and the record says so, a moment after
 * the answer. What was counted is taken away, so that each turn begins with as short a queue.
 */
async function takeConfirmed(databaseUrl: string, accepted: number): Promise<void> {
  const deadline = performance.now() + 2_000;
  for (;;) {
    const [row] = await query<{ confirmed: number }>(
      databaseUrl,
      'select count(*)::int as confirmed from generations where published',
    );
    if (row !== undefined && row.confirmed >= accepted) break;
    if (performance.now() > deadline) {
      throw new Error(`of ${accepted} accepted requests ${row?.confirmed} were confirmed`);
    }
  }
  await query(databaseUrl, 'truncate generations cascade');
}
