import { type Generation, isTerminal } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { unauthenticated } from '../access/callers.ts';
import type { WatchInput } from './inputs.ts';
import { toGeneration } from './present.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';
import type { Snapshot, Watched } from './watched.ts';

/**
 * What a watch shows: the generation, under the id that a broken watch goes on from. Watches of one
 * generation share one object, so that an adapter can serialise it once.
 */
export type WatchEvent = { id: string; generation: Generation };

/** How far a generation has come; its text, `revision.step`, is the id of an event. */
type Position = { revision: number; step: number };

/**
 * The generation now, then whenever it has changed, until it is finished. Progress comes a few times
 * a second at most. A slow reader misses what lies between, and never the newest state.
 *
 * @param signal of the caller; aborts when it is gone
 * @throws DarkroomError `not-found`, `unavailable`; `unauthenticated` when the key is revoked
 * @throws AbortError when the process ends, so that the caller goes on with another replica
 */
export async function* watchGeneration(
  { id, lastEventId }: WatchInput,
  { tenant, revoked }: Pick<Requester, 'tenant' | 'revoked'>,
  signal: AbortSignal | undefined,
  { watches, metrics, closing }: Pick<AcceptServices, 'watches' | 'metrics' | 'closing'>,
): AsyncGenerator<WatchEvent> {
  const ended = AbortSignal.any([closing, revoked, ...(signal ? [signal] : [])]);
  const { watched, ready, leave } = watches.join(tenant, id);
  metrics.watches.add(1);
  try {
    // Before the first read: what changes after it is heard.
    await ready;
    let snapshot = await watched.refresh();
    let shown = seenBefore(lastEventId, snapshot.record);
    yield resumedEvent(snapshot, shown);
    let { waiting } = snapshot;
    while (!isTerminal(snapshot.record.state)) {
      await change(watched, snapshot, ended);
      if (closing.aborted) throw new DOMException('the frontend is shutting down', 'AbortError');
      if (revoked.aborted) throw unauthenticated('the API key is no longer valid');
      if (ended.aborted) return;
      snapshot = watched.current();
      const hasNews = isElsewhere(positionOf(snapshot), shown) || snapshot.waiting !== waiting;
      if (!hasNews && snapshot.generation.preview === undefined) continue;
      yield eventOf(snapshot);
      shown = positionOf(snapshot);
      ({ waiting } = snapshot);
    }
  } finally {
    metrics.watches.add(-1);
    leave();
  }
}

/** Resolves as soon as there is a newer snapshot, or the watch has ended. */
const change = (watched: Watched, seen: Snapshot, ended: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      stop();
      ended.removeEventListener('abort', done);
      resolve();
    };
    const stop = watched.onChange(done);
    ended.addEventListener('abort', done);
    if (ended.aborted || watched.isNewerThan(seen)) done();
  });

const positionOf = ({ record: { revision, progress } }: Snapshot): Position => ({
  revision,
  step: progress.step,
});

/** A revision grows, but for a database that was set back to a backup; live steps run ahead of it. */
const isElsewhere = (now: Position, shown: Position): boolean =>
  now.revision !== shown.revision || now.step > shown.step;

const idOf = ({ revision, step }: Position): string => `${revision}.${step}`;

const eventOf = (snapshot: Snapshot): WatchEvent => ({
  id: idOf(positionOf(snapshot)),
  generation: snapshot.generation,
});

/** Live progress runs ahead of the record: a watch that goes on shows no less than it has shown. */
function seenBefore(lastEventId: string | undefined, record: GenerationRecord): Position {
  const { revision, progress } = record;
  const [, seenRevision, step] = /^(\d{1,15})\.(\d{1,15})$/.exec(lastEventId ?? '') ?? [];
  const seen = Number(seenRevision) === revision ? Math.min(Number(step), progress.steps) : 0;
  return { revision, step: Math.max(seen, progress.step) };
}

function resumedEvent(snapshot: Snapshot, seen: Position): WatchEvent {
  const { record, waiting } = snapshot;
  if (seen.step === record.progress.step) return eventOf(snapshot);
  const ahead = { ...record, progress: { ...record.progress, step: seen.step } };
  return { id: idOf(seen), generation: toGeneration(ahead, waiting) };
}
