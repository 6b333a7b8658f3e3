import type { TestProject } from 'vitest/node';
import { type S3Location, startObjectStore } from './servers/object-store.ts';
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
  const starts = await Promise.allSettled([startRabbitmq(), startPostgres(), startObjectStore()]);
  const [rabbitmq, postgres, objectStore] = starts;
  const stop = async (): Promise<void> => {
    const servers = starts.flatMap((start): Server[] =>
      start.status === 'fulfilled' ? [start.value] : [],
    );
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
  const origins = [
    `RabbitMQ: ${rabbitmq.value.origin}`,
    `Postgres: ${postgres.value.origin}`,
    `S3: ${objectStore.value.origin}`,
  ];
  say(`${origins.join(', ')}; ready after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  project.provide('amqpUrl', rabbitmq.value.url);
  project.provide('amqpManagementUrl', rabbitmq.value.managementUrl);
  project.provide('databaseUrl', postgres.value.url);
  project.provide('s3', objectStore.value.location);
  return stop;
}
