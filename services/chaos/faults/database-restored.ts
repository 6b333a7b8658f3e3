import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FaultKind } from './fault.ts';
import { startAgain } from './server.ts';

/** Postgres is backed up, goes on for a while, and is then set back to that backup. */
export const databaseRestored: FaultKind = {
  name: 'database restored',
  // Once a run: what was accepted in between is gone, and more of that would show nothing more.
  weight: 0,
  atLeast: 1,
  targets: ['postgres'],
  seconds: [4, 12],
  async inject(cluster) {
    const { postgres } = cluster.servers;
    const backup = join(dirname(postgres.data), 'backup');
    const to = Date.now();
    await postgres.backUp(backup);
    return async () => {
      await postgres.kill();
      cluster.restored = { from: Date.now(), to };
      await rm(postgres.data, { recursive: true, force: true });
      await rename(backup, postgres.data);
      await startAgain(postgres);
    };
  },
};
