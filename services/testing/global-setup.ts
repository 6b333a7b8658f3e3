import type { TestProject } from 'vitest/node';
import { beginObjectStore, type S3Location } from './servers/object-store.ts';
import { startPostgres } from './servers/postgres.ts';
import { startRabbitmq } from './servers/rabbitmq.ts';
import { type Server, say } from './servers/server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    amqpUrl: string;
    /** RabbitMQ's management HTTP API. */
    amqpManagementUrl: string;
    databaseUrl: string;
    s3: S3Location;
  }
}

/**
 * Gives the integration tests their servers, and ends them when the tests are through.
 *
 * @public Vitest calls it (`globalSetup` in vitest.config.ts).
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const began = performance.now();
  say(
    'starting RabbitMQ, Postgres and an S3 server; what is not on this machine is installed first',
  );
  const starts = await Promise.allSettled([startRabbitmq(), startPostgres(), beginObjectStore()]);
  const [rabbitmq, postgres, objectStore] = starts;
  const stop = async (): Promise<void> => {
    const servers = [
      ...[rabbitmq, postgres].flatMap((start): Server[] =>
        start.status === 'fulfilled' ? [start.value] : [],
      ),
      ...(objectStore.status === 'fulfilled' ? [objectStore.value.server] : []),
    ];
    await Promise.all(servers.map((server) => server.stop()));
  };
  if (
    rabbitmq.status === 'rejected' ||
    postgres.status === 'rejected' ||
    objectStore.status === 'rejected'
  ) {
    await stop();
    const reasons = starts.flatMap((start) => (start.status === 'rejected' ? [start.reason] : []));
    throw new Error(reasons.map(String).join('\n'));
  }
  const after = () => `${((performance.now() - began) / 1_000).toFixed(1)} s`;
  const { server: s3, ready: s3Ready } = objectStore.value;
  say(
    `RabbitMQ: ${rabbitmq.value.origin}, Postgres: ${postgres.value.origin}; ready after ${after()}`,
  );
  // Not awaited: until it is ready, tests without an object store run, and `freshBucket` waits.
  s3Ready.then(
    () => say(`S3: ${s3.origin}; ready after ${after()}`),
    (error: unknown) => say(`no S3 server: ${String(error)}`),
  );
  project.provide('amqpUrl', rabbitmq.value.url);
  project.provide('amqpManagementUrl', rabbitmq.value.managementUrl);
  project.provide('databaseUrl', postgres.value.url);
  project.provide('s3', s3.location);
  return stop;
}
