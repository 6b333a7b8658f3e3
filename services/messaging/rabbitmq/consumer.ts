import type { Channel, ConsumeMessage } from 'amqplib';
import type { JobHandler, Outcome, Subscription } from '../broker.ts';
import { decodeJob, messageIdOf } from '../codec.ts';
import { createInHand, requeueDelay } from '../in-hand.ts';
import type { Logger } from '../logger.ts';
import type { Connection } from './connection.ts';
import { firstOpen, keepChannel } from './kept-channel.ts';
import type { Publisher } from './publisher.ts';
import { consumerArguments, declareExchanges, declareJobQueue, jobQueue } from './topology.ts';

/** A reason no longer than AMQP's short strings, for a header. */
const MAX_REASON = 250;

export async function consumeJobs(
  { model, prefetch }: { model: string; prefetch: number },
  handle: JobHandler,
  {
    connection,
    publisher,
    logger,
  }: { connection: Connection; publisher: Publisher; logger: Logger },
): Promise<Subscription> {
  const inHand = createInHand(handle, logger);
  const delayed = new Set<NodeJS.Timeout>();
  /** Of the consumers that a message may come to. */
  const tags = new Set<string>();
  const keptMessages = new WeakSet<ConsumeMessage>();
  let started = 0;
  let stopping = false;

  const kept = keepChannel<Channel>({
    name: `the consumer of ${jobQueue(model)}`,
    open: () => connection.model.createChannel(),
    logger,
    async setUp(channel) {
      await declareExchanges(channel);
      await declareJobQueue(channel, model);
      // One message for each consumer: what one may have in hand cannot be changed while it lasts.
      await channel.prefetch(1);
      tags.clear();
      await Promise.all(Array.from({ length: prefetch }, () => consume(channel)));
    },
  });

  async function consume(channel: Channel): Promise<void> {
    const onMessage = (message: ConsumeMessage | null) => receive(channel, message);
    // Named here, because a message may come before RabbitMQ's answer is heard.
    const consumerTag = `${model} ${started++}`;
    tags.add(consumerTag);
    await channel.consume(jobQueue(model), onMessage, {
      consumerTag,
      arguments: consumerArguments,
    });
  }

  function receive(channel: Channel, message: ConsumeMessage | null): void {
    if (message === null) {
      logger.warn({ queue: jobQueue(model) }, 'RabbitMQ ended the consumer; starting it again');
      void kept.renew();
      return;
    }
    // Left unsettled, it goes back to its queue when the channel closes.
    if (stopping) return;
    const decoded = decodeJob(message.content);
    if (!decoded.ok) {
      void setAside(channel, message, `malformed: ${decoded.reason}`);
      return;
    }
    const header: unknown = message.properties.headers?.traceparent;
    const traceparent = decoded.value.traceparent ?? header;
    const job = {
      ...decoded.value,
      ...(typeof traceparent === 'string' && { traceparent }),
    };
    const { redelivered } = message.fields;
    const delivery = { job, messageId: messageIdOf(job), redelivered };
    inHand.take(delivery, {
      settle: (outcome) => settle(channel, message, outcome),
      keep: () => void replaceConsumer(channel, message),
    });
  }

  /**
   * A kept message uses up its consumer, which takes one at a time. Another takes its place, and the
   * message is the last of the old one: when it is settled, nothing comes for it.
   */
  async function replaceConsumer(channel: Channel, message: ConsumeMessage): Promise<void> {
    keptMessages.add(message);
    const { consumerTag = '' } = message.fields;
    if (stopping || !kept.isOpen(channel)) return;
    tags.delete(consumerTag);
    try {
      await Promise.all([channel.cancel(consumerTag), consume(channel)]);
    } catch (err) {
      logger.warn({ err, queue: jobQueue(model) }, 'a channel closed under a message that is kept');
    }
  }

  function settle(channel: Channel, message: ConsumeMessage, outcome: Outcome): void {
    switch (outcome) {
      case 'acknowledge':
        onOpen(channel, () => channel.ack(message));
        break;
      case 'reject':
        void setAside(channel, message, 'rejected by its consumer');
        break;
      case 'requeue': {
        if (keptMessages.has(message)) {
          giveBack(channel, message);
          break;
        }
        const count: unknown = message.properties.headers?.['x-delivery-count'];
        const timer = setTimeout(
          () => {
            delayed.delete(timer);
            giveBack(channel, message);
          },
          requeueDelay(typeof count === 'number' ? count : 0),
        );
        delayed.add(timer);
      }
    }
  }

  const giveBack = (channel: Channel, message: ConsumeMessage): void =>
    onOpen(channel, () => channel.nack(message, false, true));

  async function setAside(channel: Channel, message: ConsumeMessage, why: string): Promise<void> {
    const reason = why.slice(0, MAX_REASON);
    const { messageId, contentType, type, headers } = message.properties;
    logger.error(
      { messageId, reason, queue: jobQueue(model) },
      'message kept aside as dead letter',
    );
    try {
      await publisher.setAside(message.content, { messageId, contentType, type, headers }, reason);
      onOpen(channel, () => channel.ack(message));
    } catch {
      // The broker moves it itself then, only without the reason.
      onOpen(channel, () => channel.reject(message, false));
    }
  }

  /** On a channel that is gone there is nothing to settle: the broker delivers the message again. */
  function onOpen(channel: Channel, action: () => void): void {
    if (!kept.isOpen(channel)) return;
    try {
      action();
    } catch (err) {
      logger.warn({ err, queue: jobQueue(model) }, 'a channel closed before a message was settled');
    }
  }

  await firstOpen(kept, connection);
  return {
    async stop() {
      stopping = true;
      const channel = kept.current();
      await Promise.allSettled([...tags].map((tag) => channel?.cancel(tag)));
      await inHand.idle();
      for (const timer of delayed) clearTimeout(timer);
      await kept.close();
    },
  };
}
