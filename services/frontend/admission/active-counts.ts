import type { FrontendStore } from '@darkroom/generations';

/** What is queued of a model and active of a tenant, in all replicas, a moment ago at most. */
export type ActiveCounts = {
  /** Has the database count again where need be, and waits for it only after a long silence. */
  refresh(): Promise<void>;
  read(model: string, tenant: string): { queued: number; active: number };
  /**
   * Counts what is about to be recorded here until the database's own count knows it.
   * @returns to be called when it is recorded, or has failed
   */
  add(model: string, tenant: string): () => void;
};

/** From these ages on a count is taken again, in the background or while a caller waits, in milliseconds. */
const FRESH_MS = 250;
const STALE_MS = 2_000;

/** A count of very many takes time, and may take this share of it at most. */
const SHARE = 0.05;

/**
 * Counts from the database, kept for a moment, and what this replica has added since. So a create
 * costs no count of its own, and beyond a limit no more gets in than the other replicas record
 * between two counts.
 */
export function createActiveCounts(store: Pick<FrontendStore, 'countActive'>): ActiveCounts {
  let counted = createTally();
  let countedAt = Number.NEGATIVE_INFINITY;
  let freshMs = FRESH_MS;
  let counting: Promise<void> | undefined;
  const onTheirWay = createTally();
  // What is recorded while a count is taken may be in it or not: it stays counted until the next.
  let added = createTally();
  let addedBefore = createTally();

  const count = async (): Promise<void> => {
    const earlier = addedBefore;
    addedBefore = added.plus(earlier);
    added = createTally();
    const began = performance.now();
    const active = await store.countActive();
    counted = createTally();
    for (const { model, tenant, state, count } of active) {
      if (state === 'queued') counted.queued.add(model, count);
      counted.active.add(tenant, count);
    }
    addedBefore = createTally();
    countedAt = performance.now();
    freshMs = Math.max(FRESH_MS, (countedAt - began) / SHARE);
  };
  const recount = (): Promise<void> => {
    counting ??= count().finally(() => {
      counting = undefined;
    });
    return counting;
  };

  return {
    refresh: async () => {
      const age = performance.now() - countedAt;
      if (age > Math.max(STALE_MS, 2 * freshMs)) await recount();
      else if (age > freshMs) recount().catch(() => {});
    },
    read: (model, tenant) => {
      const tallies = [counted, addedBefore, added, onTheirWay];
      return {
        queued: tallies.reduce((sum, { queued }) => sum + queued.of(model), 0),
        active: tallies.reduce((sum, { active }) => sum + active.of(tenant), 0),
      };
    },
    add: (model, tenant) => {
      onTheirWay.addOne(model, tenant, 1);
      return () => {
        onTheirWay.addOne(model, tenant, -1);
        added.addOne(model, tenant, 1);
      };
    },
  };
}

type Counter = {
  of(name: string): number;
  add(name: string, count: number): void;
  entries(): Iterable<[string, number]>;
};

function createCounter(): Counter {
  const counts = new Map<string, number>();
  const of = (name: string) => counts.get(name) ?? 0;
  return {
    of,
    add: (name, count) => void counts.set(name, of(name) + count),
    entries: () => counts,
  };
}

type Tally = {
  queued: Counter;
  active: Counter;
  addOne(model: string, tenant: string, sign: 1 | -1): void;
  plus(other: Tally): Tally;
};

function createTally(): Tally {
  const [queued, active] = [createCounter(), createCounter()];
  const plus = (other: Tally): Tally => {
    const sum = createTally();
    for (const each of [tally, other]) {
      for (const [model, count] of each.queued.entries()) sum.queued.add(model, count);
      for (const [tenant, count] of each.active.entries()) sum.active.add(tenant, count);
    }
    return sum;
  };
  const addOne: Tally['addOne'] = (model, tenant, sign) => {
    queued.add(model, sign);
    active.add(tenant, sign);
  };
  const tally: Tally = { queued, active, addOne, plus };
  return tally;
}
