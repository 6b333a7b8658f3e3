import { DarkroomError } from '@darkroom/contract';
import { answered, inTime, unavailable } from './answered.ts';
import type { Connection } from './connection.ts';
import { closeQuietly } from './kept-channel.ts';
import { declareJobQueue, jobQueue } from './topology.ts';

/**
 * Counts the messages that wait in a model's queue. A queue that is gone is declared, and is empty.
 * Each count has a channel of its own: on the publisher's, one queue that does not answer would keep
 * the declarations of the others waiting.
 */
export function createJobCounter(connection: Connection): (model: string) => Promise<number> {
  /** One at a time for a model, so that unanswered ones do not pile up. */
  const asked = new Map<string, Promise<number>>();

  async function count(model: string): Promise<number> {
    const channel = await connection.model.createChannel();
    // A refusal is told by the declaration.
    channel.on('error', () => {});
    try {
      return await declareJobQueue(channel, model);
    } finally {
      void closeQuietly(channel);
    }
  }

  return async (model) => {
    if (!connection.isUp()) throw unavailable('is not connected');
    const counting = asked.get(model) ?? count(model).finally(() => asked.delete(model));
    asked.set(model, counting);
    try {
      return await answered(counting, `did not count ${jobQueue(model)} ${inTime}`);
    } catch (error) {
      if (error instanceof DarkroomError) throw error;
      throw unavailable(`did not count ${jobQueue(model)} (${String(error)})`);
    }
  };
}
