import type { GenerationEvent } from '@darkroom/contract';
import type { Channel } from 'amqplib';

/** Where events go, by `eventTopic`. */
export const EVENT_EXCHANGE = 'darkroom.events';
/** Where messages go that no consumer understands, and the queue that keeps them. */
export const DEAD_LETTER_EXCHANGE = 'darkroom.dead-letter';
export const DEAD_LETTER_QUEUE = 'darkroom.dead-letters';

export const jobQueue = (model: string): string => `darkroom.jobs.${model}`;

/**
 * `cancel.GENERATION_ID`, and for the others, of which there are many, `TYPE.GENERATION_ID.SHARD`.
 * A shard is one of 256 parts of all generations. A frontend binds the shards of the generations
 * that it follows, and not each generation: a binding costs the broker milliseconds, and where
 * thousands of watches come and go, the shards they need are bound already.
 */
export const eventTopic = ({ type, generationId }: GenerationEvent): string =>
  type === 'cancel' ? `cancel.${generationId}` : `${type}.${generationId}.${shardOf(generationId)}`;

export const shardOf = (generationId: string): string => generationId.slice(0, 2);

/** What a listener binds. */
export const eventPatterns = {
  all: '#',
  ofType: (type: GenerationEvent['type']) => `${type}.#`,
  ofShard: (shard: string) => `*.*.${shard}`,
};

type Arguments = Readonly<Record<string, string | number>>;

/** All are durable. Who listens to events has a queue of its own besides, exclusive and passing. */
export const exchanges = [
  { name: EVENT_EXCHANGE, type: 'topic' },
  { name: DEAD_LETTER_EXCHANGE, type: 'fanout' },
] as const;

export type QueueDeclaration = { name: string; arguments: Arguments };

export const deadLetterQueue: QueueDeclaration = {
  name: DEAD_LETTER_QUEUE,
  arguments: { 'x-queue-type': 'quorum' },
};

export const bindings = [
  { exchange: DEAD_LETTER_EXCHANGE, queue: DEAD_LETTER_QUEUE, routingKey: '' },
] as const;

/**
 * A quorum queue per model. Arguments are what a queue is for its whole life: both sides declare
 * the same, and RabbitMQ refuses (406) who declares others. So nothing stands here that an operator
 * or a release may want otherwise; that is a policy (`policiesOf`) or the consumer's own argument.
 *
 * - Its dead letters are moved at least once, which RabbitMQ does only for queues that refuse
 *   publishes when full (`reject-publish`) instead of dropping messages.
 * - Attempts are counted on the record, so the broker must not give up on a message by itself.
 *   RabbitMQ 4 has a limit of 20 unless told otherwise; up to 4.2 each `nack` counts, and from 4.3
 *   on only a delivery that was lost. Out of reach, the limit means the same to all of them.
 * - No `x-max-priority`: quorum queues refuse it. From 4.0 on they know priorities without; messages
 *   carry none, and so keep their order, returned ones too.
 */
export const jobQueueDeclaration = (model: string): QueueDeclaration => ({
  name: jobQueue(model),
  arguments: {
    'x-queue-type': 'quorum',
    'x-delivery-limit': 1_000_000,
    'x-dead-letter-exchange': DEAD_LETTER_EXCHANGE,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  },
});

/**
 * How long a delivery may stay unacknowledged, in milliseconds: a day, above any job. RabbitMQ's own
 * 30 minutes would deliver a running job's message to a second worker. Whether a worker is at its job is told by
 * its lease, not by this. Given by the consumer, no queue has to change for it. RabbitMQ knows it
 * from 3.12 on and passes over it before: there the server's `consumer_timeout` has to be raised.
 * Past it, RabbitMQ closes the channel, and from 4.3 on ends the consumer; either is taken up again.
 */
const CONSUMER_TIMEOUT_MS = 86_400_000;

export const consumerArguments: Arguments = { 'x-consumer-timeout': CONSUMER_TIMEOUT_MS };

export type BoundModel = { name: string; maxQueued: number };

/** Messages for one waiting record at most: one that is missed wrongly is published again. */
const MESSAGES_A_RECORD = 4;

/** Beyond, the oldest give way: what was kept aside must not fill the disk. */
const DEAD_LETTERS_KEPT = 100_000;

export type Policy = { name: string; pattern: string; definition: Arguments };

/**
 * What may change under queues that exist. Without them the queues have no bound but the one that
 * frontends keep, by counting records.
 */
export const policiesOf = (models: readonly BoundModel[]): Policy[] => [
  ...models.map(({ name, maxQueued }) => ({
    name: jobQueue(name),
    pattern: `^${jobQueue(name).replaceAll('.', '\\.')}$`,
    definition: { 'max-length': maxQueued * MESSAGES_A_RECORD },
  })),
  {
    name: DEAD_LETTER_QUEUE,
    pattern: `^${DEAD_LETTER_QUEUE.replaceAll('.', '\\.')}$`,
    definition: { 'max-length': DEAD_LETTERS_KEPT },
  },
];

const declareQueue = (channel: Channel, queue: QueueDeclaration) =>
  channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments });

/** What all models share; both sides declare it, whichever comes first. */
export async function declareExchanges(channel: Channel): Promise<void> {
  for (const { name, type } of exchanges) {
    await channel.assertExchange(name, type, { durable: true });
  }
  await declareQueue(channel, deadLetterQueue);
  for (const { exchange, queue, routingKey } of bindings) {
    await channel.bindQueue(queue, exchange, routingKey);
  }
}

/** @returns how many messages wait in it, without those that a consumer has in hand */
export async function declareJobQueue(channel: Channel, model: string): Promise<number> {
  return (await declareQueue(channel, jobQueueDeclaration(model))).messageCount;
}
