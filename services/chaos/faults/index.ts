import { brokerWiped } from './broker-wiped.ts';
import { clockOffset } from './clock-offset.ts';
import { databaseRestored } from './database-restored.ts';
import { diskFull } from './disk-full.ts';
import { serviceDrained } from './drained.ts';
import type { FaultKind } from './fault.ts';
import { inferenceFrozen, serverFrozen, serviceFrozen } from './frozen.ts';
import { inferenceKilled, serviceKilled } from './killed.ts';
import {
  connectionBlips,
  connectionCut,
  connectionDelayed,
  connectionHalfOpened,
  connectionThrottled,
} from './network.ts';
import { serverKilled, serverRestarted } from './server-down.ts';

export const faultKinds: readonly FaultKind[] = [
  serviceKilled,
  serviceDrained,
  serviceFrozen,
  inferenceKilled,
  inferenceFrozen,
  serverKilled,
  serverRestarted,
  serverFrozen,
  ...connectionBlips,
  connectionCut,
  connectionDelayed,
  connectionThrottled,
  connectionHalfOpened,
  diskFull,
  clockOffset,
  brokerWiped,
  databaseRestored,
];

/** Those kinds, at those targets, whose names have one of these parts. */
export const faultsFor = (
  wanted: { kinds?: readonly string[] | undefined; targets?: readonly string[] | undefined },
  kinds = faultKinds,
): FaultKind[] => {
  const has = (parts: readonly string[] | undefined, name: string): boolean =>
    parts?.some((part) => name.includes(part)) ?? true;
  return kinds
    .filter(({ name }) => has(wanted.kinds, name))
    .map((kind) => ({
      ...kind,
      targets: kind.targets.filter((target) => has(wanted.targets, target)),
    }))
    .filter(({ targets }) => targets.length > 0);
};
