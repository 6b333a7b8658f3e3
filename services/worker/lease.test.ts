import { DarkroomError } from '@darkroom/contract';
import type { Claim, Heartbeat } from '@darkroom/generations';
import { createLogger } from '@darkroom/lifecycle';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { holdLease } from './lease.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LEASE_MS = 7_000;
const HEARTBEAT_MS = 2_000;

/** A lease on a record that answers when the test says so, or at once. */
function held() {
  const asked: ((answer: Heartbeat | Error) => void)[] = [];
  let isAway = false;
  let answersAtOnce = true;
  let beats = 0;
  const heartbeat = async (): Promise<Heartbeat> => {
    beats += 1;
    if (isAway) throw new DarkroomError('unavailable', 'the database is away');
    if (answersAtOnce) return 'held';
    return await new Promise((resolve, reject) =>
      asked.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
    );
  };
  const record = { id: 'a', progress: { step: 0, steps: 1 } };
  const lease = holdLease({
    store: { heartbeat },
    claim: { record, fence: 1 } as Claim,
    leaseMs: LEASE_MS,
    heartbeatMs: HEARTBEAT_MS,
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  return {
    lease,
    beats: () => beats,
    goAway: (away: boolean) => {
      isAway = away;
    },
    answerByHand: () => {
      answersAtOnce = false;
      return asked;
    },
  };
}

test('one beat in each interval, however often and whenever a check is asked for', async () => {
  const { lease, beats, answerByHand } = held();
  await vi.advanceTimersByTimeAsync(2 * HEARTBEAT_MS);
  expect(beats()).toBe(2);

  const asked = answerByHand();
  lease.check();
  await vi.advanceTimersByTimeAsync(0);
  expect(beats()).toBe(3);
  // Amid a beat: what it answers may be older than what changed, so one more follows.
  for (let n = 0; n < 5; n++) lease.check();
  asked.shift()?.('held');
  await vi.advanceTimersByTimeAsync(0);
  expect(beats()).toBe(4);
  for (let interval = 0; interval < 10; interval++) {
    asked.shift()?.('held');
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
  }
  expect(beats()).toBe(14);

  const ended = lease.end();
  asked.shift()?.('held');
  await ended;
  expect(vi.getTimerCount()).toBe(0);
  lease.check();
  await vi.advanceTimersByTimeAsync(10 * HEARTBEAT_MS);
  expect(beats()).toBe(14);
});

test('a record that is away stops nothing, and is asked again within half a second', async () => {
  const { lease, beats, goAway } = held();
  goAway(true);
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
  expect(beats()).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lease.signal.aborted).toBe(false);
  expect(lease.isOver()).toBe(true);
  expect(beats()).toBeGreaterThan(120);
  expect(beats()).toBeLessThan(130);

  goAway(false);
  const before = beats();
  await vi.advanceTimersByTimeAsync(500);
  expect(beats()).toBe(before + 1);
  expect(lease.isOver()).toBe(false);
  await lease.end();
});

test('a lease is over when it was not renewed for as long as it lasts', async () => {
  const { lease, answerByHand } = held();
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
  answerByHand();
  await vi.advanceTimersByTimeAsync(LEASE_MS - 1);
  expect(lease.isOver()).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(lease.isOver()).toBe(true);
});

test('a lease that another has taken stops the job', async () => {
  const { lease, answerByHand } = held();
  const asked = answerByHand();
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
  asked.shift()?.('lost');
  await vi.advanceTimersByTimeAsync(0);
  expect(lease.signal.reason).toMatchObject({ why: 'lost' });
  await lease.end();
});
