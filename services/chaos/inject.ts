import { setTimeout as wait } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import type { Fault, FaultKind } from './faults/fault.ts';

/** What became of one fault. */
export type Injected = Fault & {
  startedAt: number;
  /** Until it was fixed; absent where it could not be had. */
  tookSeconds?: number;
  /** Why it could not be had, or not be fixed. */
  problem?: string;
};

const AT_ONCE = 6;
/** A fault that is not fixed by then is given up, in seconds beyond its own. */
const LIMIT_SECONDS = 150;

/**
 * Injects each fault when it is due, several at once, but never two into one target: a fault waits
 * for the one before it.
 */
export async function injectFaults(
  cluster: Cluster,
  faults: readonly Fault[],
  kinds: readonly FaultKind[],
  options: { signal: AbortSignal; onDone: (injected: Injected) => void },
): Promise<void> {
  const { signal, onDone } = options;
  const kindOf = new Map(kinds.map((kind) => [kind.name, kind]));
  const busy = new Map<string, Promise<void>>();
  const began = performance.now();
  for (const fault of faults) {
    const dueMs = began + fault.atSeconds * 1_000 - performance.now();
    if (dueMs > 0) await wait(dueMs, undefined, { signal }).catch(() => {});
    while (!signal.aborted && (busy.has(fault.target) || busy.size >= AT_ONCE)) {
      await Promise.race(busy.values());
    }
    if (signal.aborted) break;
    const kind = kindOf.get(fault.kind);
    if (kind === undefined) throw new Error(`no fault is called ${fault.kind}`);
    const running = injectOne(cluster, kind, fault, signal).then((injected) => {
      busy.delete(fault.target);
      onDone(injected);
    });
    busy.set(fault.target, running);
  }
  await Promise.all(busy.values());
}

/** Mended also when the run is broken off. */
async function injectOne(
  cluster: Cluster,
  kind: FaultKind,
  fault: Fault,
  signal: AbortSignal,
): Promise<Injected> {
  const startedAt = Date.now();
  const since = performance.now();
  const act = async (): Promise<string | undefined> => {
    const unavailable = await kind.unavailable?.(cluster);
    if (unavailable !== undefined) return unavailable;
    const repair = await kind.inject(cluster, fault);
    await wait(fault.forSeconds * 1_000, undefined, { signal }).catch(() => {});
    await repair();
    return undefined;
  };
  const late = Promise.withResolvers<string>();
  const limit = setTimeout(
    () => late.resolve(`not over after ${LIMIT_SECONDS} s more`),
    (fault.forSeconds + LIMIT_SECONDS) * 1_000,
  );
  const problem = await Promise.race([act(), late.promise]).catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  );
  clearTimeout(limit);
  const tookSeconds = (performance.now() - since) / 1_000;
  return { ...fault, startedAt, tookSeconds, ...(problem !== undefined && { problem }) };
}
