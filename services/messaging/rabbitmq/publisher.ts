import { DarkroomError, type JobMessage } from '@darkroom/contract';
import type { ConfirmChannel, Options } from 'amqplib';
import { encode, messageIdOf } from '../codec.ts';
import type { Logger } from '../logger.ts';
import { ANSWER_TIMEOUT_MS, answered, inTime, unavailable } from './answered.ts';
import type { Connection } from './connection.ts';
import { keepChannel } from './kept-channel.ts';
import { plainHeaders } from './plain-headers.ts';
import { DEAD_LETTER_EXCHANGE, declareExchanges, declareJobQueue, jobQueue } from './topology.ts';

export type Publisher = {
  publishJob(job: JobMessage): Promise<void>;
  /** Keeps a message aside that was not understood, with the reason in its headers. */
  setAside(content: Buffer, properties: Options.Publish, reason: string): Promise<void>;
  ready: Promise<void>;
  isReady(): boolean;
  /** Waits for unconfirmed publishes, then closes the channel. */
  close(): Promise<void>;
};

type Waiting = { messageId: string; returned: boolean };

/** Publishes persistently, with confirm and `mandatory`, so that a resolved publish is safe. */
export function createPublisher(
  connection: Connection,
  models: readonly string[],
  logger: Logger,
): Publisher {
  const waiting = new Set<Waiting>();
  const unconfirmed = new Set<Promise<void>>();
  /** Queues declared on the channel of now. */
  let declared = new Map<string, Promise<unknown>>();

  const kept = keepChannel<ConfirmChannel>({
    name: 'the channel for publishing jobs',
    open: () => connection.model.createConfirmChannel(),
    logger,
    async setUp(channel) {
      declared = new Map();
      // A returned message comes before its confirm.
      channel.on('return', ({ fields, properties }) => {
        for (const publish of waiting) {
          if (publish.messageId === properties.messageId) publish.returned = true;
        }
        declared.delete(fields.routingKey);
      });
      await declareExchanges(channel);
      for (const model of models) await declareOnce(channel, model);
    },
  });

  function declareOnce(channel: ConfirmChannel, model: string): Promise<unknown> {
    const queue = jobQueue(model);
    const known = declared.get(queue);
    if (known !== undefined) return known;
    const declaring = answered(
      declareJobQueue(channel, model),
      `did not declare ${queue} ${inTime}`,
    );
    declared.set(queue, declaring);
    return declaring;
  }

  function openChannel(): ConfirmChannel {
    const channel = kept.current();
    if (channel === undefined) throw unavailable('is not connected');
    const blocked = connection.blocked();
    if (blocked !== undefined) throw unavailable(`takes no messages now (${blocked})`);
    return channel;
  }

  function send(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Options.Publish,
  ): Promise<void> {
    const channel = openChannel();
    const publish: Waiting = { messageId: options.messageId ?? '', returned: false };
    const confirmed = new Promise<void>((resolve, reject) => {
      waiting.add(publish);
      const settle = (problem?: string): void => {
        clearTimeout(timer);
        waiting.delete(publish);
        if (problem === undefined) resolve();
        else reject(unavailable(problem));
      };
      const timer = setTimeout(() => {
        settle(`did not confirm a message ${inTime}`);
      }, ANSWER_TIMEOUT_MS);
      const properties = { ...options, mandatory: true, persistent: true };
      try {
        channel.publish(exchange, routingKey, content, properties, (error: unknown) => {
          if (publish.returned) settle(`has no queue for ${routingKey || exchange}`);
          else if (error) settle('did not take a message (refused, or the connection was lost)');
          else settle();
        });
      } catch {
        // The channel is closing, and its `close` event still to come.
        settle('is about to close the channel');
      }
    });
    unconfirmed.add(confirmed);
    return confirmed.finally(() => unconfirmed.delete(confirmed));
  }

  return {
    async publishJob(job) {
      const queue = jobQueue(job.model);
      try {
        await declareOnce(openChannel(), job.model);
      } catch (error) {
        declared.delete(queue);
        if (error instanceof DarkroomError) throw error;
        throw unavailable(`did not declare ${queue} (${String(error)})`);
      }
      const { traceparent } = job;
      await send('', queue, encode(job), {
        messageId: messageIdOf(job),
        type: 'job',
        contentType: 'application/json',
        timestamp: Math.floor(Date.now() / 1_000),
        headers: traceparent === undefined ? {} : { traceparent },
      });
    },
    async setAside(content, properties, reason) {
      const headers = { ...plainHeaders(properties.headers), 'darkroom-reason': reason };
      await send(DEAD_LETTER_EXCHANGE, '', content, { ...properties, headers });
    },
    ready: kept.ready,
    isReady: () => kept.current() !== undefined && connection.blocked() === undefined,
    async close() {
      await Promise.allSettled(unconfirmed);
      await kept.close();
    },
  };
}
