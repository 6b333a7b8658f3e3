import type { GenerationEvent } from '@darkroom/contract';
import type { Channel } from 'amqplib';
import type { Broker, Subscription } from '../broker.ts';
import { decodeEvent, encode } from '../codec.ts';
import type { Logger } from '../logger.ts';
import type { Connection } from './connection.ts';
import { firstOpen, keepChannel } from './kept-channel.ts';
import { declareExchanges, EVENT_EXCHANGE, eventTopic } from './topology.ts';

/** A listener that falls behind by more loses the oldest. */
const MAX_UNHEARD = 10_000;

/** Publishes without confirm, and drops what the socket cannot take at once. */
export function createEventPublisher(connection: Connection, logger: Logger) {
  let writable = true;
  const kept = keepChannel<Channel>({
    name: 'the channel for publishing events',
    open: () => connection.model.createChannel(),
    logger,
    async setUp(channel) {
      writable = true;
      channel.on('drain', () => {
        writable = true;
      });
      await declareExchanges(channel);
    },
  });
  return {
    publish(event: GenerationEvent): void {
      const channel = kept.current();
      if (channel === undefined || !writable || connection.blocked() !== undefined) return;
      const properties = { type: 'event', contentType: 'application/json' };
      try {
        writable = channel.publish(EVENT_EXCHANGE, eventTopic(event), encode(event), properties);
      } catch {
        // The channel is closing, and its `close` event still to come.
      }
    },
    ready: kept.ready,
    close: () => kept.close(),
  };
}

export async function subscribeEvents(
  type: Parameters<Broker['subscribeEvents']>[0],
  handle: (event: GenerationEvent) => void,
  { connection, logger }: { connection: Connection; logger: Logger },
): Promise<Subscription> {
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
    name: `the listener to ${type} events`,
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
      await channel.bindQueue(queue, EVENT_EXCHANGE, type === 'all' ? '#' : `${type}.*`);
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
