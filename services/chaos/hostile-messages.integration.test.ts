import { randomUUID } from 'node:crypto';
import { hostileMessage } from '@darkroom/messaging/testing/hostile-messages.ts';
import { openRawChannel } from '@darkroom/messaging/testing/raw-channel.ts';
import { createRandom, eventually } from '@darkroom/testing';
import { isRunning } from '@darkroom/worker/testing/processes.ts';
import { realServers, tenant } from '@darkroom/worker/testing/real-servers.ts';
import { startService } from '@darkroom/worker/testing/service-process.ts';
import { expect, test } from 'vitest';

const COUNT = 300;

/** The same messages again: `HOSTILE_SEED=<the printed seed>`. */
const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 1_000_000);

test(`${COUNT} messages of any bytes end neither worker nor frontend, seed ${seed}`, async () => {
  await using servers = await realServers();
  const worker = startService('worker', servers.environment);
  const frontend = startService('frontend', servers.environment);
  await Promise.all([worker.line('worker started'), frontend.line('listening at')]);
  const [before, during] = [await servers.submit(3), await servers.submit(150)];
  await servers.finished(before.id);

  await using raw = await openRawChannel(servers.amqpUrl);
  const random = createRandom(Math.imul(seed, 0x9e3779b1), 'worker');
  const queue = 'darkroom.jobs.pinhole';
  let bad = 0;
  for (let sent = 0; sent < COUNT; sent++) {
    // The jobs among them are of generations that there are not.
    const { content, properties, job } = hostileMessage(random);
    if (job === undefined) bad += 1;
    raw.channel.sendToQueue(queue, content, properties);
    raw.channel.publish('darkroom.events', 'cancel.x', content, properties);
  }
  // Well made, and untrue: of what is finished, of what runs, and of a cancel that nobody asked for.
  const tell = (id: string, revision: number) =>
    raw.channel.sendToQueue(
      queue,
      Buffer.from(JSON.stringify({ version: 1, generationId: id, revision, model: 'pinhole' })),
    );
  for (const revision of [0, 1, 2, -1, Number.MAX_SAFE_INTEGER]) {
    for (const id of [before.id, during.id, randomUUID()]) tell(id, revision);
  }
  const cancel = { version: 1, type: 'cancel', generationId: during.id, revision: 9 };
  raw.channel.publish('darkroom.events', 'cancel.x', Buffer.from(JSON.stringify(cancel)));

  expect(await servers.finished(during.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  const after = await servers.submit(3);
  expect(await servers.finished(after.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  expect(await servers.store.get(tenant, before.id)).toMatchObject({ attempt: 1 });
  await eventually(async () => {
    return (await raw.channel.checkQueue('darkroom.dead-letters')).messageCount;
  }).toBe(bad);
  expect(isRunning(worker.pid)).toBe(true);
  expect(isRunning(frontend.pid)).toBe(true);
  for (const { lines } of [worker, frontend]) {
    expect(lines.filter(({ msg }) => /unhandled|uncaught/i.test(msg))).toEqual([]);
  }
});
