import type { GenerationEvent } from '@darkroom/contract';
import type { Channel } from 'amqplib';

/** Where events go, by topic `TYPE.GENERATION_ID`. */
export const EVENT_EXCHANGE = 'darkroom.events';
/** Where messages go that no consumer understands, and the queue that keeps them. */
export const DEAD_LETTER_EXCHANGE = 'darkroom.dead-letter';
export const DEAD_LETTER_QUEUE = 'darkroom.dead-letters';

export const jobQueue = (model: string): string => `darkroom.jobs.${model}`;

export const eventTopic = (event: GenerationEvent): string => `${event.type}.${event.generationId}`;

/**
 * Attempts are counted on the record, so the broker must not give up on a message by itself; its
 * own limit would count hand-backs too. RabbitMQ 4 has a limit of 20 unless told otherwise.
 */
const DELIVERY_LIMIT = 1_000_000;

/** Both sides declare the same, whichever comes first. */
export async function declareExchanges(channel: Channel): Promise<void> {
  await channel.assertExchange(EVENT_EXCHANGE, 'topic', { durable: true });
  await channel.assertExchange(DEAD_LETTER_EXCHANGE, 'fanout', { durable: true });
  await channel.assertQueue(DEAD_LETTER_QUEUE, {
    durable: true,
    arguments: { 'x-queue-type': 'quorum' },
  });
  await channel.bindQueue(DEAD_LETTER_QUEUE, DEAD_LETTER_EXCHANGE, '');
}

/**
 * A quorum queue per model. Its dead letters are moved at least once, which RabbitMQ does only for
 * queues that refuse publishes when full (`reject-publish`) instead of dropping messages.
 */
export async function declareJobQueue(channel: Channel, model: string): Promise<void> {
  await channel.assertQueue(jobQueue(model), {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-delivery-limit': DELIVERY_LIMIT,
      'x-dead-letter-exchange': DEAD_LETTER_EXCHANGE,
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    },
  });
}
