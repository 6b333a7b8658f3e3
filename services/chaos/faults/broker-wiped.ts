import { rm } from 'node:fs/promises';
import type { FaultKind } from './fault.ts';
import { serverOf, startAgain } from './server.ts';

/** RabbitMQ comes back empty: no message, no queue, no exchange. */
export const brokerWiped: FaultKind = {
  name: 'broker wiped',
  weight: 0.3,
  atLeast: 1,
  targets: ['rabbitmq'],
  seconds: [0.1, 2],
  async inject(cluster, { target }) {
    const server = serverOf(cluster, target);
    await server.kill();
    await rm(server.data, { recursive: true, force: true, maxRetries: 5 });
    return () => startAgain(server);
  },
};
