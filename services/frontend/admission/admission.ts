import { DarkroomError, type ModelEntry } from '@darkroom/contract';
import type { FrontendStore } from '@darkroom/generations';
import type { Callers } from '../access/callers.ts';
import { createActiveCounts } from './active-counts.ts';
import type { QueueViews } from './queue-views.ts';

export type Admission = {
  /**
   * Runs what records a generation, if there is room for one more; nothing is written before. Where
   * there is none, a repeat of what was accepted before, if it is one, is told again.
   * @throws DarkroomError `too-many` or `unavailable`, with the time to come again
   */
  admit<T>(
    model: ModelEntry,
    tenant: string,
    actions: { record: () => Promise<T>; repeat: () => Promise<T | undefined> },
  ): Promise<T>;
};

/** Requests that this replica has on their way to the database at most. */
const IN_HAND = 500;

/** What should have drained before those who were refused come again, of a model's `maxQueued`. */
const ROOM = 0.02;

const LONGEST_WAIT_S = 60;

/** Where nothing was made lately. */
const UNKNOWN_WAIT_S = 10;

export function createAdmission(services: {
  store: Pick<FrontendStore, 'countActive'>;
  callers: Pick<Callers, 'limitsOf'>;
  queues: Pick<QueueViews, 'peek'>;
}): Admission {
  const counts = createActiveCounts(services.store);
  let inHand = 0;

  /** Not all at once, so some of them come a little later. */
  const timeFor = (generations: number, model: string): number => {
    const perSecond = services.queues.peek()?.queues.get(model)?.pace?.perSecond ?? 0;
    const drainS =
      perSecond === 0
        ? UNKNOWN_WAIT_S
        : Math.min(Math.max(generations / perSecond, 1), LONGEST_WAIT_S);
    return drainS * (1 + Math.random() / 2);
  };

  const refusalOf = (model: ModelEntry, tenant: string): DarkroomError | undefined => {
    const { queued, active } = counts.read(model.name, tenant);
    if (queued >= model.maxQueued) {
      return new DarkroomError(
        'too-many',
        `${queued} generations of model ${model.name} wait, at most ${model.maxQueued} may; try again later`,
        { retryAfterS: timeFor(model.maxQueued * ROOM, model.name) },
      );
    }
    const allowed = services.callers.limitsOf(tenant)?.active;
    if (allowed !== undefined && active >= allowed) {
      return new DarkroomError(
        'too-many',
        `${active} of your generations are queued or running, at most ${allowed} may be; wait for one to finish, or cancel one`,
        { retryAfterS: timeFor(1, model.name) },
      );
    }
    return undefined;
  };

  return {
    admit: async (model, tenant, { record, repeat }) => {
      if (inHand >= IN_HAND) {
        throw new DarkroomError('unavailable', 'too many requests at once; try again shortly', {
          retryAfterS: 1 + Math.random(),
          expose: true,
        });
      }
      inHand += 1;
      try {
        await counts.refresh();
        // From here to `add` nothing waits, so no two take the same last place.
        const refusal = refusalOf(model, tenant);
        if (refusal === undefined) {
          const recorded = counts.add(model.name, tenant);
          return await record().finally(recorded);
        }
        const before = await repeat();
        if (before === undefined) throw refusal;
        return before;
      } finally {
        inHand -= 1;
      }
    },
  };
}
