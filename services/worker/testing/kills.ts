import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { isTerminal } from '@darkroom/contract';
import { callManagement, createRandom, eventually } from '@darkroom/testing';
import { expect, inject } from 'vitest';
import { type Fleet, startFleet } from './fleet.ts';
import { type LogLine, pinholeRequest } from './pinhole-inference.ts';
import { isRunning } from './processes.ts';
import { type RealServers, realServers } from './real-servers.ts';
import { startService } from './service-process.ts';
import { recordTransitions } from './transitions.ts';

const STEPS = 12;

export type Kills = {
  count: number;
  /** Draws the moments; the same seed, the same kills. */
  seed: number;
};

/** Asks the frontend, as any client does. */
async function create(frontendUrl: string): Promise<string> {
  const response = await fetch(`${frontendUrl}/trpc/generations.create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...pinholeRequest, steps: STEPS }),
  });
  const { result } = (await response.json()) as { result: { data: { id: string } } };
  return result.data.id;
}

/** Resolves when the generation has come to this step, or to its end; step 0 is its submission. */
async function reached(servers: RealServers, id: string, step: number): Promise<void> {
  await expect
    .poll(() => (servers.stepOf(id) ?? 0) >= step, { timeout: 60_000, interval: 1 })
    .toBe(true);
}

/**
 * Requests to a frontend, each met by one kill at a random step and a random moment within
 * it, the moments before the claim and after the last step included. Every request is the same, so
 * every picture has the same bits, those of the one that nothing disturbed.
 *
 * @param options how many workers, and how long a lease of theirs is
 */
async function survive(
  { count, seed, workers, leaseMs }: Kills & { workers: number; leaseMs: number },
  kill: (fleet: Fleet, holder: string | null, random: () => number) => Promise<void>,
): Promise<{ attempts: number[] }> {
  console.info(`KILL_SEED=${seed}`);
  const random = createRandom(seed, 'kills').next;
  await using servers = await realServers();
  await using transitions = await recordTransitions(servers.databaseUrl);
  const frontend = startService('frontend', servers.environment);
  const { msg } = await frontend.line('listening at ');
  const frontendUrl = msg.replace('listening at ', '');
  const fleet = startFleet(workers, {
    ...servers.environment,
    LEASE_MS: String(leaseMs),
    HEARTBEAT_MS: String(leaseMs / 5),
  });
  await fleet.ready();
  const undisturbed = await create(frontendUrl);
  const reference = await servers.finished(undisturbed);

  const ids = [undisturbed];
  const began = performance.now();
  for (let n = 0; n < count; n++) {
    const id = await create(frontendUrl);
    ids.push(id);
    await reached(servers, id, Math.floor(random() * (STEPS + 1)));
    await wait(random() * 15);
    await kill(fleet, await transitions.holderOf(id), random);
    await servers.finished(id);
  }
  console.info(`${count} kills in ${((performance.now() - began) / 1e3).toFixed(1)} s`);
  // A message that was kept for a lease, or that a sweep sent while no worker was there, is left to
  // refuse. A worker without a job does so at once.
  await fleet.stop();
  const last = startFleet(1, servers.environment);
  await last.ready();
  const queue = () => peek(servers.amqpUrl, 'darkroom.jobs.pinhole');
  await eventually(queue).toEqual([]);
  await last.stop();
  expect(await queue()).toEqual([]);
  expect(await peek(servers.amqpUrl, 'darkroom.dead-letters')).toEqual([]);

  const attempts: number[] = [];
  const keys: string[] = [];
  for (const id of ids) {
    const record = await servers.finished(id);
    expect(record).toMatchObject({ state: 'succeeded', error: null });
    expect(record.images.map(({ sha256 }) => sha256)).toEqual(
      reference.images.map(({ sha256 }) => sha256),
    );
    const states = await transitions.of(id);
    expect(states.filter(isTerminal)).toEqual(['succeeded']);
    attempts.push(record.attempt);
    // Every attempt but the last was lost, and is told of.
    expect(record.evidence.map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: record.attempt - 1 }, (_, nth) => nth + 1),
    );
    for (const { key, sha256 } of record.images) {
      const object = await servers.objects.get(key);
      expect(
        createHash('sha256')
          .update(object?.bytes ?? '')
          .digest('hex'),
      ).toBe(sha256);
      keys.push(key);
    }
  }
  expect(await servers.objects.list('')).toEqual(keys.sort());
  return { attempts };
}

/** A message of the queue, if it has one. */
const peek = (amqpUrl: string, queue: string): Promise<unknown> =>
  callManagement(
    inject('amqpManagementUrl'),
    'POST',
    `queues/${new URL(amqpUrl).pathname.slice(1)}/${queue}/get`,
    { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' },
  );

/** @throws unless each request succeeds once although its worker is killed (kill -9) */
export async function killWorkers(kills: Kills): Promise<void> {
  const { attempts } = await survive(
    { ...kills, workers: 2, leaseMs: 1_000 },
    async (fleet, holder, random) => {
      const [name] = fleet.pick(holder, random);
      await fleet.endAndReplace(name, 'SIGKILL');
    },
  );
  // A kill met most of them in hand; those were taken over by the next worker.
  expect(Math.max(...attempts)).toBeGreaterThan(1);
}

/** @throws unless each request succeeds, at its first attempt, although its engine is killed */
export async function killInferenceChildren(kills: Kills): Promise<void> {
  const { attempts } = await survive(
    { ...kills, workers: 1, leaseMs: 30_000 },
    async (fleet, holder, random) => {
      const [, worker] = fleet.pick(holder, random);
      const pid = () => {
        const isUp = ({ msg }: LogLine) => /^inference process (ready|started)/.test(msg);
        return Number(worker.lines.findLast(isUp)?.inferencePid);
      };
      // The last kill may have been of the same child, and the next is not up yet.
      await eventually(() => isRunning(pid())).toBe(true);
      process.kill(pid(), 'SIGKILL');
    },
  );
  // The worker went on with another child: not one attempt was lost.
  expect(new Set(attempts)).toEqual(new Set([1]));
}
