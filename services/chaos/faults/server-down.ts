import type { FaultKind } from './fault.ts';
import { serverOf, startAgain } from './server.ts';

/** RabbitMQ takes ten seconds to start, so it is drawn less often than the others. */
const targets = ['rabbitmq', 'postgres', 'postgres', 's3', 's3'];

/** SIGKILL, and a start on the same data later. */
export const serverKilled: FaultKind = {
  name: 'server killed',
  weight: 3,
  targets,
  seconds: [0.1, 4],
  async inject(cluster, { target }) {
    const server = serverOf(cluster, target);
    await server.kill();
    return () => startAgain(server);
  },
};

/** Ended in good order, as for an upgrade. */
export const serverRestarted: FaultKind = {
  name: 'server restarted',
  weight: 2,
  targets,
  seconds: [0.1, 4],
  async inject(cluster, { target }) {
    const server = serverOf(cluster, target);
    await server.halt();
    return () => startAgain(server);
  },
};
