import { isDeepStrictEqual } from 'node:util';
import {
  DarkroomError,
  type Generation,
  type GenerationEvent,
  type Preview,
  type Waiting,
} from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { toGeneration } from './present.ts';

/** A generation at one moment; all its watches on this replica share the same object. */
export type Snapshot = {
  record: GenerationRecord;
  waiting: Waiting | null;
  generation: Generation;
};

/** One generation as all its watches on this replica see it. */
export type Watched = {
  /**
   * Reads the record; however many ask at once, at most one read is under way and one is to follow.
   * @throws what `read` throws
   */
  refresh(): Promise<Snapshot>;
  /**
   * The newest snapshot.
   * @throws what ended it, such as DarkroomError `not-found`
   */
  current(): Snapshot;
  isNewerThan(seen: Snapshot): boolean;
  /** Calls `wake` once, after the next snapshot; returns what prevents that. */
  onChange(wake: () => void): () => void;
  /** Takes an event in; a change of state is read from the record. */
  hear(event: GenerationEvent): void;
  /** Takes in how far the record has come; undefined: it is gone. */
  place(position: { revision: number; step: number } | undefined): void;
  close(): void;
};

export type WatchedOptions = {
  /** @throws DarkroomError */
  read: () => Promise<GenerationRecord>;
  /** Why a queued record waits; costs nothing. */
  waiting: (record: GenerationRecord) => Waiting | null;
  /** Between two snapshots of mere progress at least, in milliseconds. */
  paceMs: () => number;
  /** Whether previews are shown now. */
  showsPreviews: () => boolean;
  /** Calls those who wait for a snapshot, however many. */
  wakeThem: (wakes: readonly (() => void)[]) => void;
};

/**
 * Reads, coalesces and renders once what all watches of a generation show. Progress is shown at a
 * pace; another revision, and so the end, at once.
 */
export function createWatched(options: WatchedOptions): Watched {
  const { read, waiting, paceMs, showsPreviews, wakeThem } = options;
  const wakes = new Set<() => void>();
  let record: GenerationRecord | undefined;
  /** Not shown yet. */
  let preview: Preview | undefined;
  let snapshot: Snapshot | undefined;
  let shownAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let failure: { error: unknown } | undefined;
  let reading: Promise<void> | undefined;
  let nextReading: Promise<void> | undefined;

  const wakeAll = (): void => {
    const all = [...wakes];
    wakes.clear();
    wakeThem(all);
  };

  function show(): void {
    clearTimeout(timer);
    timer = undefined;
    if (record === undefined) return;
    const why = waiting(record);
    const shown = snapshot?.waiting ?? null;
    // The same object as long as it says the same, so that it is compared once.
    const told = isDeepStrictEqual(why, shown) ? shown : why;
    const generation = { ...toGeneration(record, told), ...(preview && { preview }) };
    snapshot = { record, waiting: told, generation };
    preview = undefined;
    shownAt = performance.now();
    wakeAll();
  }

  function showAtPace(): void {
    if (timer !== undefined) return;
    const dueMs = shownAt + paceMs() - performance.now();
    if (dueMs <= 0) show();
    else timer = setTimeout(show, dueMs);
  }

  /** Live progress runs ahead of the record. */
  function take(now: GenerationRecord): void {
    const isBehind = now.revision === record?.revision && now.progress.step < record.progress.step;
    if (now.revision !== record?.revision) preview = undefined;
    record = isBehind ? { ...now, progress: record?.progress ?? now.progress } : now;
    if (snapshot?.record.revision !== record.revision) show();
    else if (snapshot.record.progress.step !== record.progress.step) showAtPace();
  }

  const refresh = (): Promise<void> => {
    if (reading !== undefined) {
      // What is being read may be older than what the caller knows of.
      nextReading ??= reading
        .catch(() => {})
        .then(() => {
          nextReading = undefined;
          return refresh();
        });
      return nextReading;
    }
    reading = read()
      .then(take)
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };

  /** A record that cannot be read now is read again at the next event or poll. */
  const refreshLater = (): void => {
    refresh().catch((error: unknown) => {
      if (!(error instanceof DarkroomError) || error.kind !== 'not-found') return;
      failure = { error };
      wakeAll();
    });
  };

  function advance(progress: GenerationRecord['progress']): void {
    if (record === undefined || progress.step <= record.progress.step) return;
    record = { ...record, progress };
    showAtPace();
  }

  const current = (): Snapshot => {
    if (failure !== undefined) throw failure.error;
    if (snapshot === undefined) throw new Error('nothing has been read yet');
    return snapshot;
  };

  return {
    refresh: async () => {
      await refresh();
      return current();
    },
    current,
    isNewerThan: (seen) => failure !== undefined || snapshot !== seen,
    onChange: (wake) => {
      wakes.add(wake);
      return () => wakes.delete(wake);
    },
    hear: (event) => {
      if (event.type !== 'progress' || record === undefined) refreshLater();
      else if (event.revision === record.revision) {
        if (showsPreviews()) preview = event.preview ?? preview;
        advance(event.progress);
        if (preview !== undefined) showAtPace();
      }
      // Of an attempt that is over: the record knows better.
      else if (event.revision > record.revision) refreshLater();
    },
    place: (position) => {
      if (record === undefined || snapshot === undefined) return;
      if (position?.revision !== record.revision) return refreshLater();
      advance({ ...record.progress, step: position.step });
      if (!isDeepStrictEqual(waiting(record), snapshot.waiting)) showAtPace();
    },
    close: () => clearTimeout(timer),
  };
}
