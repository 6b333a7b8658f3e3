import { Queue } from 'bullmq';
import { PgBoss } from 'pg-boss';
import type { Enqueue } from './peer-store.ts';

export type PeerOrder =
  | { peer: 'bullmq'; host: string; port: number }
  | { peer: 'pg-boss'; databaseUrl: string };

/** The one queue of each peer. */
export const QUEUE = 'generations';

/** A peer's queue as its own manual opens it, to put jobs on. */
export async function openPeerQueue(
  order: PeerOrder,
): Promise<{ enqueue: Enqueue; close(): Promise<void> }> {
  if (order.peer === 'bullmq') {
    const { host, port } = order;
    const queue = new Queue(QUEUE, { connection: { host, port } });
    await queue.waitUntilReady();
    return {
      async enqueue(input) {
        await queue.add('generation', input, { jobId: input.id });
      },
      close: () => queue.close(),
    };
  }
  const boss = new PgBoss(order.databaseUrl);
  boss.on('error', console.error);
  await boss.start();
  await boss.createQueue(QUEUE);
  return {
    async enqueue(input) {
      await boss.send(QUEUE, input, { id: input.id });
    },
    close: () => boss.stop(),
  };
}
