import { type Generation, isTerminal, type Waiting } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { unauthenticated } from '../access/callers.ts';
import { waitingOf } from '../admission/waiting.ts';
import type { EventHub } from './event-hub.ts';
import type { WatchInput } from './inputs.ts';
import { found, toGeneration } from './present.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';

/** How far a generation has come; its text, `revision.step`, is the id of an event. */
type Position = { revision: number; step: number };

/** What a watch shows: the generation, under the id that a broken watch goes on from. */
export type WatchEvent = { id: string; generation: Generation };

/**
 * Watches a generation for a caller, and counts its watch as open.
 *
 * @throws DarkroomError `not-found`, `unavailable`, or as `watchGeneration`
 */
export async function* startWatch(
  { id, lastEventId }: WatchInput,
  { tenant, revoked }: Pick<Requester, 'tenant' | 'revoked'>,
  signal: AbortSignal | undefined,
  services: AcceptServices,
): AsyncGenerator<WatchEvent> {
  const { store, broker, queues, metrics } = services;
  metrics.watches.add(1);
  try {
    const read = async () => found(id, await store.get(tenant, id));
    // Only for what is queued: a look at the queues costs the database something.
    const waiting = (record: GenerationRecord) =>
      record.state === 'queued'
        ? waitingOf({ ...record, model: record.request.model }, queues.peek(), broker.isReady())
        : null;
    yield* watchGeneration(id, read, { ...services, signal, revoked, waiting, lastEventId });
  } finally {
    metrics.watches.add(-1);
  }
}

export type WatchOptions = {
  events: EventHub;
  /** Of the caller; absent or aborted when it is gone. */
  signal: AbortSignal | undefined;
  /** Aborts when the caller's key is no longer valid. */
  revoked: AbortSignal;
  /** Aborts when the process ends. */
  closing: AbortSignal;
  /** Why a queued record waits; must not keep the watch waiting. */
  waiting: (record: GenerationRecord) => Waiting | null;
  /** The last event that the caller has seen, on this replica or another. */
  lastEventId?: string | undefined;
  /** How long without an event before the record is looked at, in milliseconds. */
  quietMs?: number;
};

/**
 * The generation now, then whenever it has changed, until it is finished. Events only make it
 * quicker: where none come, lost ones included, the record is read every `quietMs`. A slow reader
 * misses steps in between and never the newest state.
 *
 * @throws DarkroomError `unauthenticated` when the key is revoked
 * @throws AbortError when the process ends, so that the caller goes on with another replica
 */
export async function* watchGeneration(
  id: string,
  read: () => Promise<GenerationRecord>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { events, closing, revoked, quietMs = 1_000 } = options;
  const signal = AbortSignal.any([closing, revoked, ...(options.signal ? [options.signal] : [])]);
  // Before the first read: what changes after it is heard.
  const inbox = events.listen(id);
  try {
    let record = await read();
    let shown = seenBefore(options.lastEventId, record);
    record = withProgress(record, shown);
    let waiting = options.waiting(record);
    yield eventOf(record, waiting);
    shown = positionOf(record);
    while (!isTerminal(record.state)) {
      await inbox.arrival(quietMs, signal);
      if (closing.aborted) throw new DOMException('the frontend is shutting down', 'AbortError');
      if (revoked.aborted) throw unauthenticated('the API key is no longer valid');
      if (signal.aborted) return;
      const { live, changed } = inbox.take();
      record =
        live?.revision === record.revision && !changed
          ? { ...record, progress: live.progress }
          : await read();
      const shownWaiting = waiting;
      waiting = options.waiting(record);
      const waitsOtherwise = JSON.stringify(waiting) !== JSON.stringify(shownWaiting);
      const hasMoved = isElsewhere(positionOf(record), shown) || isTerminal(record.state);
      if (!hasMoved && !waitsOtherwise) continue;
      yield eventOf(record, waiting);
      shown = positionOf(record);
    }
  } finally {
    inbox.close();
  }
}

const positionOf = ({ revision, progress }: GenerationRecord): Position => ({
  revision,
  step: progress.step,
});

/** A revision grows, but for a database that was set back to a backup; live steps run ahead of it. */
const isElsewhere = (now: Position, shown: Position): boolean =>
  now.revision !== shown.revision || now.step > shown.step;

const eventOf = (record: GenerationRecord, waiting: Waiting | null): WatchEvent => ({
  id: `${record.revision}.${record.progress.step}`,
  generation: toGeneration(record, waiting),
});

/** Live progress runs ahead of the record: a watch that goes on shows no less than it has shown. */
function seenBefore(lastEventId: string | undefined, record: GenerationRecord): Position {
  const [, revision, step] = /^(\d{1,15})\.(\d{1,15})$/.exec(lastEventId ?? '') ?? [];
  return Number(revision) === record.revision
    ? { revision: record.revision, step: Math.min(Number(step), record.progress.steps) }
    : positionOf(record);
}

const withProgress = (record: GenerationRecord, { step }: Position): GenerationRecord =>
  step > record.progress.step ? { ...record, progress: { ...record.progress, step } } : record;
