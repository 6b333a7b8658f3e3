import type { Trouble } from '@darkroom/testing';
import { linkNames } from '../cluster.ts';
import type { FaultKind } from './fault.ts';

/** Trouble on the network of one pair. */
function networkFault(
  kind: Pick<FaultKind, 'name' | 'weight' | 'seconds'>,
  troubleOf: (chance: number) => Trouble,
): FaultKind {
  return {
    ...kind,
    targets: linkNames,
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
