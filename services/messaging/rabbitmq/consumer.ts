import type { Channel, ConsumeMessage } from 'amqplib';
import type { Outcome, Subscription } from '../broker.ts';
import { decodeJob, messageIdOf } from '../codec.ts';
import { createInHand, type JobHandler, requeueDelay } from '../in-hand.ts';
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
  let stopping = false;
  let consumerTag = '';

  const kept = keepChannel<Channel>({
    name: `the consumer of ${jobQueue(model)}`,
    open: () => connection.model.createChannel(),
    logger,
    async setUp(channel) {
      await declareExchanges(channel);
      await declareJobQueue(channel, model);
      await channel.prefetch(prefetch);
      const onMessage = (message: ConsumeMessage | null) => receive(channel, message);
      ({ consumerTag } = await channel.consume(jobQueue(model), onMessage, {
        arguments: consumerArguments,
      }));
    },
  });

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
    inHand.take({ job, messageId: messageIdOf(job), redelivered }, (outcome) => {
      settle(channel, message, outcome);
    });
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
        const count: unknown = message.properties.headers?.['x-delivery-count'];
        const timer = setTimeout(
          () => {
            delayed.delete(timer);
            onOpen(channel, () => channel.nack(message, false, true));
          },
          requeueDelay(typeof count === 'number' ? count : 0),
        );
        delayed.add(timer);
      }
    }
  }

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

  /** On a channel that is gone there is nothing to settle: the broker delivers the message anew. */
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
      await kept
        .current()
        ?.cancel(consumerTag)
        .catch(() => {});
      await inHand.idle();
      for (const timer of delayed) clearTimeout(timer);
      await kept.close();
    },
  };
}
