import { DarkroomError } from '@darkroom/contract';
import type { Channel } from 'amqplib';
import { answered, inTime, unavailable } from './answered.ts';
import type { Connection } from './connection.ts';
import { declareJobQueue, jobQueue } from './topology.ts';

/**
 * Counts the messages that wait in a model's queue. A queue that is gone is declared, and is empty.
 * Each model has a channel of its own, kept open between counts: on a shared one, one queue that does
 * not answer would keep the declarations of the others waiting.
 */
export function createJobCounter(connection: Connection): (model: string) => Promise<number> {
  /** One at a time for a model, so that unanswered ones do not pile up. */
  const asked = new Map<string, Promise<number>>();

  const channels = new Map<string, Promise<Channel>>();

  function channelOf(model: string): Promise<Channel> {
    const kept = channels.get(model);
    if (kept !== undefined) return kept;
    const forget = () => channels.delete(model);
    const opening = connection.model.createChannel().then((channel) => {
      // A refusal is told by the declaration, and closes the channel as a lost connection does.
      channel.on('error', () => {});
      channel.once('close', forget);
      return channel;
    });
    opening.catch(forget);
    channels.set(model, opening);
    return opening;
  }

  const count = async (model: string) => await declareJobQueue(await channelOf(model), model);

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
