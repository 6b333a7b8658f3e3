import type { GenerationEvent } from '@darkroom/contract';
import type { Channel } from 'amqplib';
import { encode } from '../codec.ts';
import type { Logger } from '../logger.ts';
import type { Connection } from './connection.ts';
import { keepChannel } from './kept-channel.ts';
import { declareExchanges, EVENT_EXCHANGE, eventTopic } from './topology.ts';

/**
 * How long a preview waits for a listener, in milliseconds: for one that falls behind the broker drops
 * it, and leaves what is small.
 */
const PREVIEW_LIFE_MS = 2_000;

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
      const hasPreview = event.type === 'progress' && event.preview !== undefined;
      const properties = {
        type: 'event',
        contentType: 'application/json',
        ...(hasPreview && { expiration: PREVIEW_LIFE_MS }),
      };
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
