// The load: a process of its own that asks for pictures at a pace, through all frontends, and writes
// down what it is told. Started by `start-load.ts`, to which it tells its figures.
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient, type Generation } from '@darkroom/client/source';
import { appendToLedger, type LedgerEntry } from './ledger.ts';
import { drawLoad, type LoadRequest } from './load.ts';
import { LOAD_SETTINGS, type LoadSettings } from './start-load.ts';

/** An answer that has not come by then is considered lost, and the same key is sent again. */
const ANSWER_LIMIT_MS = 5_000;
const LOOK_EVERY_MS = 1_000;
const MOST_UNANSWERED = 200;
/** Statuses after which the same request may be taken. */
const passing = new Set([408, 429, 500, 502, 503, 504]);

type Answer = { result: { data: Generation } };

const settings: LoadSettings = JSON.parse(process.env[LOAD_SETTINGS] ?? '{}');
const { frontends, apiKey, ledger, seed, jobs, shape, seconds } = settings;
const clients = frontends.map((url) => createClient({ url, apiKey, patienceMs: 600_000 }));
const urlOf = (turn: number): string => frontends[turn % frontends.length] ?? '';
const clientOf = (turn: number) => clients[turn % clients.length] ?? createClient({ url: '' });

const write = (entry: LedgerEntry): void => appendToLedger(ledger, entry);
const accepted = new Set<string>();
const seen = new Set<string>();
let answered = 0;
const tell = (): void =>
  void process.send?.({ answered, accepted: accepted.size, finished: seen.size });

function see({ id, state, finishedAt, images }: Generation): void {
  if (finishedAt === null || seen.has(id) || !accepted.has(id)) return;
  seen.add(id);
  const sha256 = images.map((image) => image.sha256);
  write({ type: 'seen', at: Date.now(), generation: { id, state, finishedAt, sha256 } });
}

/** Sends the same key until it is answered. */
async function create({ n, input, idempotencyKey }: LoadRequest): Promise<Generation | undefined> {
  write({ type: 'sent', n, at: Date.now() });
  for (let turn = n; ; turn++) {
    const response = await fetch(`${urlOf(turn)}/trpc/generations.create`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({ ...input, idempotencyKey }),
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
      .then(async (answer) => ({ status: answer.status, body: (await answer.json()) as Answer }))
      .catch(() => undefined);
    if (response?.status === 200) {
      const generation: Generation = response.body.result.data;
      const { id, createdAt } = generation;
      accepted.add(id);
      write({ type: 'accepted', n, at: Date.now(), id, createdAt });
      return generation;
    }
    if (response !== undefined && !passing.has(response.status)) {
      write({ type: 'refused', n, at: Date.now(), status: response.status });
      return undefined;
    }
    if (response?.status === 500) write({ type: 'failed', n, at: Date.now(), status: 500 });
    await wait(100 + Math.random() * 400);
  }
}

async function cancel(id: string, turn: number): Promise<void> {
  for (;;) {
    try {
      see(await clientOf(turn).generations.cancel.mutate({ id }));
      return;
    } catch {
      turn += 1;
      await wait(300);
    }
  }
}

async function submit(request: LoadRequest): Promise<void> {
  const generation = await create(request);
  answered += 1;
  tell();
  if (generation === undefined) return;
  const { n, cancelAfterMs, watched } = request;
  if (cancelAfterMs !== undefined) {
    await wait(cancelAfterMs);
    void cancel(generation.id, n);
  }
  // Not waited for: what has not ended by the end of the run is for the verdict to find.
  if (watched)
    clientOf(n)
      .waitFor(generation.id)
      .then(see, () => {});
}

/** Looks at the newest ends, again and again: most are seen within a second. */
async function look(): Promise<void> {
  for (let turn = 0; ; turn++) {
    await wait(LOOK_EVERY_MS);
    const options = { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) };
    const state = turn % 5 === 4 ? 'canceled' : 'succeeded';
    await clientOf(turn)
      .generations.list.query({ limit: 100, state }, options)
      .then(({ generations }) => generations.forEach(see))
      .catch(() => {});
    tell();
  }
}

const enough = new AbortController();
process.on('message', () => enough.abort());
process.on('disconnect', () => process.exit(0));
void look();
const began = performance.now();
const submitted = new Set<Promise<void>>();
for (const request of drawLoad(seed, jobs, shape)) {
  const due = began + (request.n / jobs) * seconds * 1_000;
  const untilDue = Math.max(0, due - performance.now());
  await wait(untilDue, undefined, { signal: enough.signal }).catch(() => {});
  if (enough.signal.aborted) break;
  while (submitted.size >= MOST_UNANSWERED) await Promise.race(submitted);
  const one = submit(request).finally(() => submitted.delete(one));
  submitted.add(one);
}
await Promise.all(submitted);
process.send?.({ done: true });
