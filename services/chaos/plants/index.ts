import { acknowledgeBeforeComplete } from './acknowledge-before-complete.ts';
import { completeBeforeStore } from './complete-before-store.ts';
import { leaseStolen } from './lease-stolen.ts';
import { noFencing } from './no-fencing.ts';
import type { Plant } from './plant.ts';
import { sweepOff } from './sweep-off.ts';
import { unconfirmedPublish } from './unconfirmed-publish.ts';

export const plants: readonly Plant[] = [
  acknowledgeBeforeComplete,
  noFencing,
  sweepOff,
  unconfirmedPublish,
  completeBeforeStore,
  leaseStolen,
];
