import type { Session } from './network.ts';
import { type NetworkMemory, OverBudget } from './network-memory.ts';

/** What the memory has seen, and holds now. */
export type MemoryState = {
  /** Bytes, by estimate. */
  budget: number;
  held: number;
  loads: number;
  evictions: number;
  refusals: number;
};

/** A network that comes into memory when it is used, and stays while there is room. */
export type HeldSession = Session & {
  /**
   * Keeps the network in memory for a task of many runs, with so many bytes for what the runs need. Waits
   * for its turn and for room; a task must not wait for another network.
   *
   * @throws OverBudget where it does not fit even alone; what the loading throws
   */
  hold<T>(working: number, task: () => Promise<T>): Promise<T>;
  /** @throws OverBudget where such a task would be refused */
  check(working: number): void;
};

/** As `HeldSession.hold`, for sessions that stay in memory anyway, too. */
export const holding = <T>(
  session: Session,
  working: number,
  task: () => Promise<T>,
): Promise<T> => (isHeld(session) ? session.hold(working, task) : task());

/** @throws OverBudget where the memory would refuse such a task */
export function checkRoom(session: Session, working: number): void {
  if (isHeld(session)) session.check(working);
}

const isHeld = (session: Session): session is HeldSession => 'hold' in session;

/** The networks of all models of a process, within one budget of bytes. */
export type ModelMemory = {
  readonly budget: number;
  /**
   * Loads a network, to learn what it takes and gives.
   *
   * @param name for messages
   * @throws OverBudget; what `load` throws
   */
  open(name: string, needs: NetworkMemory, load: () => Promise<Session>): Promise<HeldSession>;
  state(): MemoryState;
};

type Entry = {
  name: string;
  needs: NetworkMemory;
  load: () => Promise<Session>;
  session: Session | undefined;
  /** Bytes that its runs have taken: the runtime keeps them for the next. */
  working: number;
  /** Bytes for the tasks that hold it now. */
  reserved: number;
  /** Tasks and runs that need it now; it is not evicted then. */
  users: number;
  usedAt: number;
};

/**
 * Whoever asks first is served first, so nobody waits for ever; whoever waits holds nothing, so nobody
 * waits for another who waits.
 */
export function createModelMemory(budget: number): ModelMemory {
  const entries = new Set<Entry>();
  const seen = { loads: 0, evictions: 0, refusals: 0 };
  let clock = 0;
  let queue: Promise<unknown> = Promise.resolve();
  let freed = Promise.withResolvers<void>();

  const bytesOf = ({ needs, working }: Entry) => needs.loaded + working;
  const held = () =>
    [...entries].reduce((sum, entry) => sum + (entry.session ? bytesOf(entry) : 0), 0);

  async function evict(entry: Entry): Promise<void> {
    const { session } = entry;
    entry.session = undefined;
    // With the session goes what its runs have taken.
    entry.working = 0;
    await session?.release();
  }

  function check(entry: Entry, working: number): void {
    const needed = Math.max(entry.needs.peak, entry.needs.loaded + working);
    if (needed <= budget) return;
    seen.refusals += 1;
    const remedy = working > 0 ? 'Ask for a smaller picture,' : 'Use a smaller model,';
    throw new OverBudget(`${entry.name} cannot be run`, needed, budget, remedy);
  }

  /** Evicts others, least recently used first, until the entry fits; waits where all are in use. */
  async function makeRoom(entry: Entry, working: number): Promise<void> {
    for (;;) {
      const inUse = entry.needs.loaded + Math.max(entry.working, entry.reserved + working);
      const wanted = entry.session === undefined ? Math.max(entry.needs.peak, inUse) : inUse;
      const others = held() - (entry.session === undefined ? 0 : bytesOf(entry));
      if (others + wanted <= budget) return;
      const idle = [...entries].filter((e) => e !== entry && e.session && e.users === 0);
      const [victim] = idle.sort((a, b) => a.usedAt - b.usedAt);
      if (victim === undefined) await freed.promise;
      else {
        seen.evictions += 1;
        await evict(victim);
      }
    }
  }

  async function admit(entry: Entry, working: number): Promise<void> {
    check(entry, working);
    await makeRoom(entry, working);
    if (entry.session === undefined) {
      entry.session = await entry.load();
      seen.loads += 1;
    }
    entry.reserved += working;
    entry.working = Math.max(entry.working, entry.reserved);
    entry.users += 1;
    entry.usedAt = ++clock;
  }

  async function using<T>(entry: Entry, working: number, task: () => Promise<T>): Promise<T> {
    const turn = queue.then(() => admit(entry, working));
    queue = turn.catch(() => {});
    await turn;
    try {
      return await task();
    } finally {
      entry.reserved -= working;
      letGo(entry);
    }
  }

  function letGo(entry: Entry): void {
    entry.users -= 1;
    freed.resolve();
    freed = Promise.withResolvers();
  }

  return {
    budget,
    state: () => ({ budget, held: held(), ...seen }),
    async open(name, needs, load) {
      const entry: Entry = {
        name,
        needs,
        load,
        session: undefined,
        working: 0,
        reserved: 0,
        users: 0,
        usedAt: 0,
      };
      entries.add(entry);
      const remove = async () => {
        entries.delete(entry);
        await evict(entry);
      };
      try {
        return await using(entry, 0, async () => {
          const { inputMetadata, outputMetadata } = entry.session!;
          return {
            inputMetadata,
            outputMetadata,
            hold: (working, task) => using(entry, working, task),
            check: (working) => check(entry, working),
            run: (async (...args: Parameters<Session['run']>) => {
              const run = () => entry.session!.run(...args);
              if (entry.users === 0) return await using(entry, 0, run);
              // Who holds it must not wait behind one who waits for it to be let go.
              entry.users += 1;
              return await run().finally(() => letGo(entry));
            }) as Session['run'],
            release: remove,
          };
        });
      } catch (error) {
        await remove();
        throw error;
      }
    },
  };
}
