import type { GenerationEvent } from '@darkroom/contract';
import type { Channel } from 'amqplib';
import type { Broker, EventFollower, Subscription } from '../broker.ts';
import { decodeEvent } from '../codec.ts';
import type { Logger } from '../logger.ts';
import { createBindings } from './bindings.ts';
import type { Connection } from './connection.ts';
import { firstOpen, keepChannel } from './kept-channel.ts';
import { declareExchanges, EVENT_EXCHANGE, eventPatterns, shardOf } from './topology.ts';

/** A listener that falls behind by more loses the oldest. */
const MAX_UNHEARD = 10_000;

type Handle = (event: GenerationEvent) => void;
type Context = { connection: Connection; logger: Logger };

export async function subscribeEvents(
  type: Parameters<Broker['subscribeEvents']>[0],
  handle: Handle,
  context: Context,
): Promise<Subscription> {
  const pattern = type === 'all' ? eventPatterns.all : eventPatterns.ofType(type);
  const bind = async (channel: Channel, queue: string) => {
    await channel.bindQueue(queue, EVENT_EXCHANGE, pattern);
  };
  return await listen(`the listener to ${type} events`, { bind, handle, ...context });
}

/** Hears every cancel besides: these are few, and their topic has no shard. */
export async function followEvents(handle: Handle, context: Context): Promise<EventFollower> {
  const bindings = createBindings(EVENT_EXCHANGE);
  const bind = async (channel: Channel, queue: string) => {
    await channel.bindQueue(queue, EVENT_EXCHANGE, eventPatterns.ofType('cancel'));
    await bindings.use(channel, queue);
  };
  const { stop } = await listen('the follower of events', { bind, handle, ...context });
  const patternOf = (generationId: string) => eventPatterns.ofShard(shardOf(generationId));
  return {
    follow: (generationId) => bindings.add(patternOf(generationId)),
    unfollow: (generationId) => bindings.remove(patternOf(generationId)),
    async stop() {
      bindings.close();
      await stop();
    },
  };
}

/** Listens on an exclusive queue, which `bind` binds on each channel again. */
async function listen(
  name: string,
  options: {
    bind: (channel: Channel, queue: string) => Promise<void>;
    handle: Handle;
  } & Context,
): Promise<Subscription> {
  const { bind, handle, connection, logger } = options;

  function receive(content: Buffer): void {
    const decoded = decodeEvent(content);
    if (!decoded.ok) {
      logger.warn({ reason: decoded.reason }, 'passed over an event that is not understood');
      return;
    }
    try {
      handle(decoded.value);
    } catch (err) {
      logger.error({ err }, 'an event listener failed');
    }
  }

  const kept = keepChannel<Channel>({
    name,
    open: () => connection.model.createChannel(),
    logger,
    async setUp(channel) {
      await declareExchanges(channel);
      const { queue } = await channel.assertQueue('', {
        exclusive: true,
        autoDelete: true,
        durable: false,
        maxLength: MAX_UNHEARD,
      });
      await bind(channel, queue);
      await channel.consume(
        queue,
        (message) => {
          if (message === null) void kept.renew();
          else receive(message.content);
        },
        { noAck: true },
      );
    },
  });
  await firstOpen(kept, connection);
  return { stop: () => kept.close() };
}
