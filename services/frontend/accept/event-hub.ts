import { setTimeout as wait } from 'node:timers/promises';
import type { GenerationEvent } from '@darkroom/contract';
import type { Logger } from '@darkroom/lifecycle';
import type { Broker, EventFollower } from '@darkroom/messaging';
import { sleep } from '@darkroom/timing';

/** One subscription to the broker's events a process, handed on to those who listen in it. */
export type EventHub = {
  /** Hands on the events of one generation, once `ready`, as long as the broker is there. */
  listen(
    generationId: string,
    hear: (event: GenerationEvent) => void,
  ): { ready: Promise<void>; close(): void };
  /** Subscribes; while the broker is away, goes on trying. */
  start(): void;
  stop(): Promise<void>;
};

const RETRY_MS = 1_000;

/** A broker that takes longer to listen is not waited for, in milliseconds. */
const READY_LIMIT_MS = 250;

export function createEventHub(broker: Pick<Broker, 'followEvents'>, logger: Logger): EventHub {
  const listeners = new Map<string, Set<(event: GenerationEvent) => void>>();
  const stopping = new AbortController();
  let subscribing: Promise<void> | undefined;
  let follower: EventFollower | undefined;

  const handOn = (event: GenerationEvent) => {
    for (const hear of listeners.get(event.generationId) ?? []) hear(event);
  };

  const subscribe = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        follower = await broker.followEvents(handOn);
        for (const id of listeners.keys()) void follower.follow(id);
        return;
      } catch (error) {
        logger.warn({ err: error }, 'no live events yet; watches read the record meanwhile');
        await sleep(RETRY_MS, stopping.signal);
      }
    }
  };

  return {
    start: () => {
      subscribing ??= subscribe();
    },
    stop: async () => {
      stopping.abort();
      await subscribing;
      await follower?.stop();
    },
    listen: (generationId, hear) => {
      const all = listeners.get(generationId) ?? new Set();
      listeners.set(generationId, all.add(hear));
      const following = all.size === 1 ? follower?.follow(generationId) : undefined;
      return {
        ready: Promise.race([following, wait(READY_LIMIT_MS, undefined, { ref: false })]),
        close: () => {
          if (!all.delete(hear) || all.size > 0) return;
          listeners.delete(generationId);
          follower?.unfollow(generationId);
        },
      };
    },
  };
}
