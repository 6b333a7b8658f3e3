import { setTimeout as wait } from 'node:timers/promises';
import type { GenerationEvent, Progress } from '@darkroom/contract';
import type { Logger } from '@darkroom/lifecycle';
import type { Broker, Subscription } from '@darkroom/messaging';

/** What one listener has not yet taken of a generation's events; only the newest is kept. */
export type Inbox = {
  /** Resolves as soon as something is there, or after `ms`, or when the signal aborts. */
  arrival(ms: number, signal: AbortSignal): Promise<void>;
  /** Empties the inbox: the newest live progress, and whether the record has changed since. */
  take(): { live: { revision: number; progress: Progress } | undefined; changed: boolean };
  close(): void;
};

/** One subscription to the broker's events a process, handed on to whoever listens in it. */
export type EventHub = {
  listen(generationId: string): Inbox;
  /** Subscribes; while the broker is away, goes on trying. */
  start(): void;
  stop(): Promise<void>;
};

const RETRY_MS = 1_000;

export function createEventHub(broker: Broker, logger: Logger): EventHub {
  const listeners = new Map<string, Set<(event: GenerationEvent) => void>>();
  const stopping = new AbortController();
  let subscribing: Promise<Subscription | undefined> | undefined;

  const handOn = (event: GenerationEvent) => {
    for (const hear of listeners.get(event.generationId) ?? []) hear(event);
  };

  const subscribe = async (): Promise<Subscription | undefined> => {
    while (!stopping.signal.aborted) {
      try {
        return await broker.subscribeEvents('all', handOn);
      } catch (error) {
        logger.warn({ err: error }, 'no live events yet; watches read the record meanwhile');
        await wait(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
    return undefined;
  };

  return {
    start: () => {
      subscribing ??= subscribe();
    },
    stop: async () => {
      stopping.abort();
      await (await subscribing)?.stop();
    },
    listen: (generationId) => {
      const { hear, inbox } = createInbox(() => {
        const rest = listeners.get(generationId);
        rest?.delete(hear);
        if (rest?.size === 0) listeners.delete(generationId);
      });
      const all = listeners.get(generationId) ?? new Set();
      listeners.set(generationId, all.add(hear));
      return inbox;
    },
  };
}

function createInbox(close: () => void): { hear: (event: GenerationEvent) => void; inbox: Inbox } {
  let live: { revision: number; progress: Progress } | undefined;
  let changed = false;
  let wake = () => {};
  return {
    hear: (event) => {
      if (event.type === 'progress') live = event;
      else changed = true;
      wake();
    },
    inbox: {
      close,
      take: () => {
        const taken = { live, changed };
        live = undefined;
        changed = false;
        return taken;
      },
      arrival: (ms, signal) =>
        new Promise((resolve) => {
          const done = () => {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            wake = () => {};
            resolve();
          };
          const timer = setTimeout(done, ms);
          signal.addEventListener('abort', done);
          wake = done;
          if (live !== undefined || changed || signal.aborted) done();
        }),
    },
  };
}
