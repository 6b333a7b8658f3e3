import { setTimeout as wait } from 'node:timers/promises';
import { callManagement, startTcpProxy, type TcpProxy } from '@darkroom/testing';
import { expect, inject, test } from 'vitest';
import { type RealServers, realServers } from './testing/real-servers.ts';
import { type ServiceProcess, startService } from './testing/service-process.ts';
import { recordTransitions } from './testing/transitions.ts';

/** Long enough to be met in the middle. */
const STEPS = 400;
const MET_AT = 20;

type CutOffWorker = { service: ServiceProcess; amqp: TcpProxy; postgres: TcpProxy };

/** The same address through a proxy. */
async function through(url: string): Promise<{ url: string; proxy: TcpProxy }> {
  const parsed = new URL(url);
  const proxy = await startTcpProxy(Number(parsed.port));
  parsed.host = `127.0.0.1:${proxy.port}`;
  return { url: parsed.href, proxy };
}

/** Two workers as they are deployed, each with links of its own that can be cut. */
async function twoWorkers(servers: RealServers) {
  const workers = new Map<string, CutOffWorker>();
  for (const name of ['worker-1', 'worker-2']) {
    const amqp = await through(servers.amqpUrl);
    const postgres = await through(servers.databaseUrl);
    const service = startService('worker', {
      ...servers.environment,
      AMQP_URL: amqp.url,
      DATABASE_URL: postgres.url,
      WORKER_ID: name,
    });
    workers.set(name, { service, amqp: amqp.proxy, postgres: postgres.proxy });
  }
  const all = [...workers.values()];
  await Promise.all(all.map(({ service }) => service.line('worker started')));
  return {
    holderAndOther: (holder: string | null): [CutOffWorker, CutOffWorker] => {
      const own = workers.get(holder ?? '') ?? expect.fail(`no worker ${holder}`);
      return [own, all.find((other) => other !== own) ?? expect.fail('no other worker')];
    },
    [Symbol.asyncDispose]: async () => {
      for (const { service } of all) service.kill('SIGKILL');
      await Promise.all(all.map(({ service }) => service.ended));
      await Promise.all(all.flatMap(({ amqp, postgres }) => [amqp.close(), postgres.close()]));
    },
  };
}

const reached = async (servers: RealServers, id: string) =>
  await expect
    .poll(() => servers.stepOf(id) ?? 0, { timeout: 120_000, interval: 5 })
    .toBeGreaterThanOrEqual(MET_AT);

const finished = async (servers: RealServers, id: string) => {
  await expect.poll(() => servers.stepOf(id), { timeout: 240_000 }).toBe(Infinity);
  return await servers.finished(id);
};

/** Those that wait and those that a worker has, kept ones too. */
async function messages(amqpUrl: string): Promise<number> {
  const vhost = new URL(amqpUrl).pathname.slice(1);
  const path = `queues/${vhost}/darkroom.jobs.pinhole`;
  const queue = await callManagement(inject('amqpManagementUrl'), 'GET', path);
  return (queue as { messages: number }).messages;
}

const digests = ({ images }: { images: { sha256: string }[] }) =>
  images.map(({ sha256 }) => sha256);

test.each([
  ['AMQP', 'amqp', 300],
  ['Postgres', 'postgres', 3_000],
] as const)(
  'a cut from %s of a worker amid a job costs nothing (%s, %i ms)',
  async (_, link, cutMs) => {
    await using servers = await realServers();
    await using transitions = await recordTransitions(servers.databaseUrl);
    await using workers = await twoWorkers(servers);
    const reference = await finished(servers, (await servers.submit(STEPS)).id);

    const { id } = await servers.submit(STEPS);
    await reached(servers, id);
    const [holder, other] = workers.holderAndOther(await transitions.holderOf(id));
    holder[link].set({ kind: 'cut' });
    await wait(cutMs);
    holder[link].set(undefined);
    // The broker gives the message to the other worker, which keeps it and claims nothing.
    if (link === 'amqp') await other.service.line('job held by another worker');

    const record = await finished(servers, id);
    expect(record).toMatchObject({ state: 'succeeded', attempt: 1, evidence: [] });
    expect(digests(record)).toEqual(digests(reference));
    expect(await transitions.of(id)).toEqual(['running', 'succeeded']);
    expect(holder.service.lines.filter(({ msg }) => /^picture ended/.test(msg))).toEqual([]);
    // Whoever has the message when the lease would have been over, drops it.
    await expect.poll(() => messages(servers.amqpUrl), { timeout: 60_000 }).toBe(0);
  },
  600_000,
);

test('a job of a worker that is killed begins elsewhere within 10 s, without a frontend too', async () => {
  await using servers = await realServers();
  await using transitions = await recordTransitions(servers.databaseUrl);
  await using workers = await twoWorkers(servers);
  const { id } = await servers.submit(MET_AT * 4);
  await reached(servers, id);
  const [holder] = workers.holderAndOther(await transitions.holderOf(id));
  const killedAt = await transitions.now();
  holder.service.kill('SIGKILL');

  const record = await finished(servers, id);
  expect(record).toMatchObject({ state: 'succeeded', attempt: 2 });
  expect(record.evidence).toMatchObject([{ attempt: 1, cause: 'lease-ended' }]);
  const begunAgainMs = Date.parse(record.evidence[0]?.at ?? '') - killedAt;
  console.info(`begun elsewhere after ${begunAgainMs} ms`);
  expect(begunAgainMs).toBeLessThanOrEqual(10_000);
}, 600_000);
