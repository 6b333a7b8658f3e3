import { randomUUID } from 'node:crypto';
import { connectPostgresStore } from '@darkroom/generations';
import { startTcpProxy } from '@darkroom/testing';
import { expect, test } from 'vitest';
import { holdLease } from './lease.ts';
import { type LogLine, readableLogger } from './testing/pinhole-inference.ts';
import { realServers } from './testing/real-servers.ts';

const LEASE_MS = 4_000;
const HEARTBEAT_MS = 1_000;

const isFailedHeartbeat = ({ msg }: LogLine) => msg.startsWith('heartbeat failed');

test('a link that dies in silence costs a heartbeat, not the lease', async () => {
  await using servers = await realServers();
  const { id } = await servers.submit(1);
  const url = new URL(servers.databaseUrl);
  const proxy = await startTcpProxy(Number(url.port));
  url.host = `127.0.0.1:${proxy.port}`;
  const store = await connectPostgresStore({
    connectionString: url.href,
    heartbeatLimitMs: LEASE_MS / 3,
  });
  const options = { id, leaseMs: LEASE_MS, maxAttempts: 5 };
  const result = await store.claim({ ...options, claimId: randomUUID(), worker: 'holder' });
  if (!result.claimed) throw new Error(result.reason);
  const { logger, lines } = readableLogger();
  const { claim } = result;
  const lease = holdLease({ store, claim, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS, logger });

  /** When the lease ends, as a worker hears that would like to have it. */
  const endsAt = async (): Promise<number> => {
    const rival = await servers.store.claim({ ...options, claimId: randomUUID(), worker: 'rival' });
    if (rival.claimed || rival.reason !== 'leased') throw new Error('the lease was lost');
    return performance.now() + rival.leftMs;
  };
  const first = await endsAt();
  await expect.poll(endsAt, { timeout: 30_000 }).toBeGreaterThan(first + HEARTBEAT_MS / 2);
  // What is sent from now on vanishes, and the connections it was sent on stay dead.
  proxy.set({ kind: 'half-open', lost: 'both' });
  await expect.poll(() => lines.some(isFailedHeartbeat), { timeout: 30_000 }).toBe(true);
  proxy.set(undefined);
  const before = await endsAt();
  await expect.poll(endsAt, { timeout: 30_000 }).toBeGreaterThan(before + 2 * HEARTBEAT_MS);
  expect(lease.signal.aborted).toBe(false);

  await lease.end();
  await store.close();
  await proxy.close();
}, 120_000);
