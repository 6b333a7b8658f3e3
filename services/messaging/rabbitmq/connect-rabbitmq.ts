import type { Broker, Subscription } from '../broker.ts';
import { type Logger, silent } from '../logger.ts';
import { openConnection } from './connection.ts';
import { consumeJobs } from './consumer.ts';
import { createEventPublisher } from './event-publisher.ts';
import { followEvents, subscribeEvents } from './events.ts';
import { createJobCounter } from './job-counter.ts';
import { createPublisher } from './publisher.ts';

export type RabbitmqOptions = {
  /** `amqp://USER:PASSWORD@HOST:PORT/VHOST` */
  url: string;
  /** Models whose queues are declared at once; others when first published to or consumed. */
  models?: readonly string[];
  logger?: Logger;
};

/**
 * The broker on RabbitMQ 3.10 or newer. A server that cannot be reached is tried again for as long
 * as the broker is open, and `isReady` is false meanwhile.
 * @throws DarkroomError `configuration` when the server refuses the user, the virtual host or the
 *   topology
 */
export async function connectRabbitmq(options: RabbitmqOptions): Promise<Broker> {
  const { url, models = [], logger = silent } = options;
  const connection = await openConnection(url, logger);
  const publisher = createPublisher(connection, models, logger);
  const events = createEventPublisher(connection, logger);
  const countJobs = createJobCounter(connection);
  const subscriptions = new Set<Subscription>();

  /** Remembers a subscription until it is stopped, so that `close` can stop it. */
  function remember<S extends Subscription>(subscription: S): S {
    const remembered = {
      ...subscription,
      async stop() {
        subscriptions.delete(remembered);
        await subscription.stop();
      },
    };
    subscriptions.add(remembered);
    return remembered;
  }

  const broker: Broker = {
    system: 'rabbitmq',
    publishJob: (job) => publisher.publishJob(job),
    async consumeJobs(what, handle) {
      return remember(await consumeJobs(what, handle, { connection, publisher, logger }));
    },
    countJobs,
    publishEvent: (event) => events.publish(event),
    async subscribeEvents(type, handle) {
      return remember(await subscribeEvents(type, handle, { connection, logger }));
    },
    async followEvents(handle) {
      return remember(await followEvents(handle, { connection, logger }));
    },
    isReady: () => publisher.isReady(),
    async close() {
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()));
      await Promise.all([publisher.close(), events.close()]);
      await connection.close();
    },
  };
  try {
    if (connection.isUp()) await Promise.all([publisher.ready, events.ready]);
  } catch (error) {
    await broker.close();
    throw error;
  }
  return broker;
}
