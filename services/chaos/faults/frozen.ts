import process from 'node:process';
import { frontendNames, serverNames, workerNames } from '../cluster.ts';
import type { FaultKind } from './fault.ts';
import { serverOf } from './server.ts';

/** To a process that may be gone by now. */
function send(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

/** SIGSTOP and later SIGCONT: it wakes up into a world that went on, its leases over. */
export const serviceFrozen: FaultKind = {
  name: 'service frozen',
  weight: 5,
  targets: [...frontendNames, ...workerNames, ...workerNames],
  seconds: [1, 14],
  async inject({ services }, { target }) {
    const pid = services.get(target)?.pid();
    send(pid, 'SIGSTOP');
    return async () => send(pid, 'SIGCONT');
  },
};

/** The engine hangs; its worker kills it for that, or it goes on before. */
export const inferenceFrozen: FaultKind = {
  name: 'inference frozen',
  weight: 2,
  targets: workerNames,
  seconds: [1, 9],
  async inject({ services }, { target }) {
    const pid = services.get(target)?.childPid();
    send(pid, 'SIGSTOP');
    return async () => send(pid, 'SIGCONT');
  },
};

export const serverFrozen: FaultKind = {
  name: 'server frozen',
  weight: 3,
  targets: serverNames,
  seconds: [1, 8],
  async inject(cluster, { target }) {
    const server = serverOf(cluster, target);
    server.signal('SIGSTOP');
    return async () => server.signal('SIGCONT');
  },
};
