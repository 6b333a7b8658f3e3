import { expect, test } from 'vitest';
import type { Injected } from './inject.ts';
import type { Kill } from './kills.ts';
import { judgeLeases, type LeaseFacts } from './lease-verdict.ts';

const second = 1_000;
const startedAt = Date.parse('2026-01-01T00:00:00.000Z');
const after = (seconds: number): string => new Date(startedAt + seconds * second).toISOString();

type One = LeaseFacts['generations'][number];
type Cause = One['evidence'][number]['cause'];

/** Ran for the first minute. */
const kept: One = {
  ...{ id: 'a', state: 'succeeded', attempt: 1, evidence: [], error: null },
  ...{ createdAt: after(0), finishedAt: after(60) },
  timings: { queuedMs: 100, modelLoadMs: 0, inferenceMs: 50_000, storeMs: 10 },
};

/** Its first attempt was taken from worker-1. */
const taken = (seconds: number, cause: Cause): One => {
  const at = after(seconds);
  const evidence = [{ worker: 'worker-1', attempt: 1, at, cause, lastWords: null }];
  return { ...kept, attempt: 2, evidence };
};

const cut = (atSeconds: number, tookSeconds: number, target = 'worker-1→postgres'): Injected => ({
  ...{ kind: 'blip', target, atSeconds, forSeconds: tookSeconds, tookSeconds, chance: 0 },
  startedAt: startedAt + atSeconds * second,
});

const kill = (atSeconds: number, takenOverMs: number | null): Kill => ({
  ...{ worker: 'worker-1', at: startedAt + atSeconds * second, takenOverMs },
});

/** Leases of 8 s that are renewed every 2 s, so that a worker may be cut off for 5 s. */
const judged = (facts: Partial<LeaseFacts>) =>
  judgeLeases({
    ...{ generations: [kept], cuts: [], kills: [], abortedRuns: new Map() },
    ...{ leaseMs: 8_000, heartbeatMs: 2_000 },
    ...facts,
  });
const promisesOf = (facts: Partial<LeaseFacts>): string[] =>
  judged(facts).breaches.map(({ promise }) => promise);

test('a run that no cut ended breaks nothing', () => {
  const { breaches, verdict } = judged({ cuts: [cut(5, 4), cut(30, 20, 'worker-1→rabbitmq')] });
  expect(breaches).toEqual([]);
  expect(verdict).toMatchObject({
    ...{ renewableMs: 5_000, cutsOfRuns: 2, takeover: null },
    attempts: { spent: 0, cutOff: 0, killed: 0 },
  });
});

test.each<[string, Partial<LeaseFacts>]>([
  ['without a cut', { generations: [taken(20, 'lease-ended')] }],
  ['as its message came again', { generations: [taken(20, 'redelivered')], cuts: [cut(5, 10)] }],
  ['after a cut that is short', { generations: [taken(20, 'lease-ended')], cuts: [cut(10, 4)] }],
  [
    'after a long cut of its link to RabbitMQ',
    { generations: [taken(20, 'lease-ended')], cuts: [cut(10, 9, 'worker-1→rabbitmq')] },
  ],
  [
    "after a long cut of another worker's link",
    { generations: [taken(20, 'lease-ended')], cuts: [cut(10, 9, 'worker-2→postgres')] },
  ],
  ['before the long cut', { generations: [taken(8, 'lease-ended')], cuts: [cut(10, 9)] }],
  ['and nobody was told', { generations: [{ ...kept, attempt: 2 }] }],
  ['and only metrics tell', { abortedRuns: new Map([['worker-1', 1]]) }],
])('an attempt that is taken from its worker %s is a breach', (_, facts) => {
  expect(promisesOf(facts)).toEqual(['aborted']);
});

test('a lease may end while its worker cannot renew it', () => {
  const facts = {
    generations: [taken(20, 'lease-ended')],
    abortedRuns: new Map([['worker-1', 1]]),
  };
  for (const cuts of [[cut(10, 6)], [cut(8, 3), cut(11.5, 3)]]) {
    const { breaches, verdict } = judged({ ...facts, cuts });
    expect(breaches).toEqual([]);
    expect(verdict.attempts).toEqual({ spent: 0, cutOff: 1, killed: 0 });
  }
  // Time enough between the two to connect and renew.
  expect(promisesOf({ ...facts, cuts: [cut(8, 3), cut(13, 3)] })).toContain('aborted');
});

test('a job that failed is lost, unless all its workers were cut off for too long', () => {
  const error = { code: 'ATTEMPTS' as const, message: 'lost five times' };
  const failed: One = { ...kept, state: 'failed', error };
  expect(promisesOf({ generations: [failed] })).toEqual(['lost']);
  const wornOut: One = { ...taken(20, 'lease-ended'), attempt: 1, state: 'failed', error };
  expect(promisesOf({ generations: [wornOut], cuts: [cut(10, 9)] })).toEqual([]);
  expect(promisesOf({ generations: [wornOut] })).toEqual(['aborted', 'lost']);
});

test('a killed worker is followed by another attempt within 10 s', () => {
  const kills = [...Array.from({ length: 98 }, () => kill(14, 7_000)), kill(14, 8_000)];
  const facts = { generations: [taken(22, 'lease-ended')], kills };
  expect(judged(facts)).toMatchObject({
    breaches: [],
    verdict: {
      attempts: { spent: 0, cutOff: 0, killed: 1 },
      takeover: { count: 99, p50: 7_000, p99: 8_000, max: 8_000 },
    },
  });
  const slow = judged({ ...facts, kills: [...kills, kill(14, 11_000), kill(14, null)] });
  expect(slow.breaches).toEqual([
    {
      promise: 'slow',
      what: 'the job of a killed worker began again after 11.0 s at p99, 10.0 s are allowed',
    },
  ]);
});
