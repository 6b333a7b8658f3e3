import type { Trouble } from '@darkroom/testing';
import { frontendNames, linkNames, workerNames } from '../cluster.ts';
import type { FaultKind } from './fault.ts';

/** Trouble on the network of one pair. */
function networkFault(
  kind: Omit<FaultKind, 'targets' | 'inject'> & { targets?: readonly string[] },
  troubleOf: (chance: number) => Trouble,
): FaultKind {
  return {
    targets: linkNames,
    ...kind,
    async inject({ links }, { target, chance }) {
      const link = links.get(target);
      link?.set(troubleOf(chance));
      return async () => link?.set(undefined);
    },
  };
}

export const connectionCut = networkFault(
  { name: 'connections cut', weight: 5, seconds: [0.1, 4] },
  () => ({ kind: 'cut' }),
);

/** From 50 ms to 2 s. */
export const connectionDelayed = networkFault(
  { name: 'connections delayed', weight: 3, seconds: [1, 6] },
  (chance) => ({ kind: 'delay', ms: 50 * 40 ** chance }),
);

/** From 500 bytes to 32 KB a second. */
export const connectionThrottled = networkFault(
  { name: 'connections throttled', weight: 3, seconds: [1, 6] },
  (chance) => ({ kind: 'throttle', bytesPerSecond: 500 * 64 ** chance }),
);

/** Requests arrive and answers do not, or neither. */
export const connectionHalfOpened = networkFault(
  { name: 'connections half-opened', weight: 4, seconds: [1, 8] },
  (chance) => ({
    kind: 'half-open',
    lost: chance < 0.5 ? 'answers' : chance < 0.75 ? 'requests' : 'both',
  }),
);

/**
 * Connections that leases and messages depend on are cut for 50 ms to 20 s. During half of the cuts
 * new connections are reset, during the others they wait until the cut is over.
 *
 * @param weights of the links of each worker and each frontend, to either server
 */
export const blips = (
  workers: readonly string[],
  weights: { worker: number; frontend: number },
): FaultKind[] =>
  (['worker', 'frontend'] as const).flatMap((service) =>
    ['rabbitmq', 'postgres'].map((server) => {
      const names = service === 'worker' ? workers : frontendNames;
      return networkFault(
        {
          name: `blip ${service}→${server}`,
          weight: weights[service],
          atLeast: 1,
          seconds: [0.05, 20],
          spread: 'logarithmic',
          targets: names.map((name) => `${name}→${server}`),
        },
        (chance) => ({ kind: 'cut', fresh: chance < 0.5 ? 'reset' : 'held' }),
      );
    }),
  );

/** Of an ordinary run. */
export const connectionBlips = blips(workerNames, { worker: 2, frontend: 0.5 });
