import type { FrontendStore, GenerationRecord } from '@darkroom/generations';
import type { Logger } from '@darkroom/lifecycle';
import type { Broker } from '@darkroom/messaging';
import { sleep } from '@darkroom/timing';
import type { QueueViews } from '../admission/queue-views.ts';
import { waitingOf } from '../admission/waiting.ts';
import { createEventHub } from './event-hub.ts';
import { found } from './present.ts';
import { createTurns } from './turns.ts';
import { createWatched, type Watched } from './watched.ts';

/** What is watched on this replica: each generation once, however many watch it. */
export type WatchHub = {
  /** Ends with `leave`. */
  join(tenant: string, id: string): { watched: Watched; ready: Promise<void>; leave(): void };
  start(): void;
  stop(): Promise<void>;
};

export type WatchHubOptions = {
  store: Pick<FrontendStore, 'get' | 'positions'>;
  broker: Pick<Broker, 'followEvents' | 'isReady'>;
  queues: Pick<QueueViews, 'peek'>;
  logger: Logger;
  /** Between two looks at the records of all that is watched, in milliseconds. @default 2000 */
  pollMs?: number | undefined;
};

/** Between two events of mere progress on one watch at least, in milliseconds. */
const PACE_MS = 250;

/** Events of mere progress that all watches of a replica are sent a second at most. */
const EVENTS_PER_S = 4_000;

/** With more watches on a replica, previews are left out: they are the largest part of an event. */
const PREVIEWED_WATCHES = 200;

type Entry = { id: string; watched: Watched; ready: Promise<void>; watches: number; end(): void };

/**
 * Events report changes first. They may be lost, so one poll looks at the records of all that is
 * watched, in one query every `pollMs`.
 */
export function createWatchHub(options: WatchHubOptions): WatchHub {
  const { store, broker, queues, logger, pollMs = 2_000 } = options;
  const events = createEventHub(broker, logger);
  const entries = new Map<string, Entry>();
  const stopping = new AbortController();
  const wakeThem = createTurns();
  let watches = 0;
  let polling: Promise<void> | undefined;

  const paceMs = () => Math.max(PACE_MS, (watches / EVENTS_PER_S) * 1_000);
  const showsPreviews = () => watches <= PREVIEWED_WATCHES;
  // Only for what is queued: a look at the queues costs the database something.
  const waiting = (record: GenerationRecord) =>
    record.state === 'queued'
      ? waitingOf({ ...record, model: record.request.model }, queues.peek(), broker.isReady())
      : null;

  function open(tenant: string, id: string, key: string): Entry {
    const read = async () => found(id, await store.get(tenant, id));
    const watched = createWatched({ read, waiting, paceMs, showsPreviews, wakeThem });
    const { ready, close } = events.listen(id, watched.hear);
    const end = () => {
      entries.delete(key);
      close();
      watched.close();
    };
    return { id, watched, ready, watches: 0, end };
  }

  async function poll(): Promise<void> {
    const watched = [...entries.values()];
    if (watched.length === 0) return;
    const positions = await store.positions([...new Set(watched.map(({ id }) => id))]);
    const placeOf = new Map(positions.map((position) => [position.id, position]));
    for (const entry of watched) entry.watched.place(placeOf.get(entry.id));
  }

  async function run(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      await sleep(pollMs, signal);
      await poll().catch((err: unknown) => {
        logger.debug({ err }, 'the records of what is watched could not be read');
      });
    }
  }

  return {
    start: () => {
      events.start();
      polling ??= run();
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([events.stop(), polling]);
    },
    join: (tenant, id) => {
      const key = `${tenant}/${id}`;
      const entry = entries.get(key) ?? open(tenant, id, key);
      entries.set(key, entry);
      entry.watches += 1;
      watches += 1;
      const leave = () => {
        watches -= 1;
        entry.watches -= 1;
        if (entry.watches === 0) entry.end();
      };
      return { watched: entry.watched, ready: entry.ready, leave };
    },
  };
}
