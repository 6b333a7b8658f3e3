import process from 'node:process';
import { frontendNames, workerNames } from '../cluster.ts';
import { type FaultKind, nothingToMend } from './fault.ts';

/** SIGKILL to a service, which is started again. */
export const serviceKilled: FaultKind = {
  name: 'service killed',
  weight: 7,
  targets: [...frontendNames, ...workerNames, ...workerNames],
  seconds: [0.5, 2],
  async inject({ services }, { target }) {
    services.get(target)?.signal('SIGKILL');
    return nothingToMend;
  },
};

/** SIGKILL to the inference child; its worker starts another. */
export const inferenceKilled: FaultKind = {
  name: 'inference killed',
  weight: 3,
  targets: workerNames,
  seconds: [0.5, 2],
  async inject({ services }, { target }) {
    const pid = services.get(target)?.childPid();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    return nothingToMend;
  },
};
