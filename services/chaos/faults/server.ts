import type { ProgramServer } from '@darkroom/testing';
import { type Cluster, serverNames } from '../cluster.ts';

export function serverOf({ servers }: Cluster, target: string): ProgramServer {
  const name = serverNames.find((each) => each === target);
  if (name === undefined) throw new Error(`there is no server ${target}`);
  return servers[name];
}

const TRIES = 3;

/** A start may fail on a machine that is busy; without its server nothing more could be learned. */
export async function startAgain(server: ProgramServer): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await server.start();
      return;
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}
