import { frontendNames, workerNames } from '../cluster.ts';
import type { FaultKind } from './fault.ts';

/** SIGTERM, and SIGKILL when the grace is over, as when Kubernetes moves a pod. */
export const serviceDrained: FaultKind = {
  name: 'service drained',
  weight: 3,
  targets: [...frontendNames, ...workerNames],
  seconds: [0.3, 3],
  async inject({ services }, { target }) {
    const service = services.get(target);
    const pid = service?.pid();
    service?.signal('SIGTERM');
    return async () => {
      if (service?.pid() === pid) service?.signal('SIGKILL');
    };
  },
};
