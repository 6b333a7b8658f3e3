import { DarkroomError, type GenerationEvent } from '@darkroom/contract';
import type { GenerationRecord } from '@darkroom/generations';
import { beforeEach, expect, it, vi } from 'vitest';
import { createTurns } from './turns.ts';
import { createWatched } from './watched.ts';

const PACE_MS = 40;

let record: GenerationRecord;
let reads: number;
let showsPreviews: boolean;
beforeEach(() => {
  reads = 0;
  showsPreviews = true;
  const about = { id: crypto.randomUUID(), tenant: 'acme', state: 'running', revision: 2 };
  const progress = { step: 0, steps: 2_400 };
  record = { ...about, progress, images: [], evidence: [] } as unknown as GenerationRecord;
});

const watch = (read = async () => record) =>
  createWatched({
    read: async () => {
      reads += 1;
      return await read();
    },
    waiting: () => null,
    paceMs: () => PACE_MS,
    showsPreviews: () => showsPreviews,
    wakeThem: createTurns(),
  });

const progressTo = (step: number, revision = 2): GenerationEvent => ({
  version: 1,
  type: 'progress',
  generationId: record.id,
  revision,
  progress: { step, steps: 2_400 },
});

const ended = (): GenerationEvent => {
  record = { ...record, state: 'succeeded', revision: 3 };
  return { version: 1, type: 'state', generationId: record.id, revision: 3, state: 'succeeded' };
};

it('renders progress at its pace, the newest last, however many steps are told', async () => {
  const watched = watch();
  await watched.refresh();
  const shown: number[] = [];
  const look = () => {
    shown.push(watched.current().record.progress.step);
    watched.onChange(look);
  };
  watched.onChange(look);
  const began = performance.now();
  for (let step = 1; step <= 1_000; step += 1) {
    watched.hear(progressTo(step));
    if (step % 100 === 0) await new Promise(setImmediate);
  }
  await vi.waitFor(() => expect(shown.at(-1)).toBe(1_000));
  expect(shown.length).toBeLessThanOrEqual((performance.now() - began) / PACE_MS + 1);
  expect(reads).toBe(1);
});

it('shows the end at once, whatever the pace', async () => {
  const watched = watch();
  await watched.refresh();
  watched.hear(progressTo(1));
  const began = performance.now();
  watched.hear(ended());
  await vi.waitFor(() => expect(watched.current().record.state).toBe('succeeded'), {
    interval: 1,
  });
  expect(performance.now() - began).toBeLessThan(PACE_MS);
});

it('has one snapshot for all who watch', async () => {
  const watched = watch();
  const [one, other] = await Promise.all([watched.refresh(), watched.refresh()]);
  expect(one.generation).toEqual(other.generation);
  watched.hear(progressTo(5));
  expect(watched.current().generation).toBe(watched.current().generation);
});

it('reads the record twice at most, however many ask at once', async () => {
  const watched = watch();
  await Promise.all(Array.from({ length: 100 }, () => watched.refresh()));
  expect(reads).toBe(2);
});

it('reads again what changed while it was being read', async () => {
  const held = Promise.withResolvers<void>();
  const before = record;
  const watched = watch(async () => {
    if (reads > 1) return record;
    await held.promise;
    return before;
  });
  const first = watched.refresh();
  watched.hear(ended());
  held.resolve();
  await first;
  await vi.waitFor(() => expect(watched.current().record.state).toBe('succeeded'));
});

it('passes over the steps of an attempt that is over', async () => {
  const watched = watch();
  await watched.refresh();
  watched.hear(progressTo(9, 1));
  expect(watched.current().record.progress.step).toBe(0);
  expect(reads).toBe(1);
});

it('finds by its place a change that no event told of', async () => {
  const watched = watch();
  await watched.refresh();
  watched.place({ revision: 2, step: 7 });
  await vi.waitFor(() => expect(watched.current().record.progress.step).toBe(7));
  ended();
  watched.place({ revision: 3, step: 7 });
  await vi.waitFor(() => expect(watched.current().record.state).toBe('succeeded'));
});

it('goes on after a record that could not be read, and ends with one that is gone', async () => {
  let failure: DarkroomError | undefined;
  const watched = watch(async () => {
    if (failure !== undefined) throw failure;
    return record;
  });
  await watched.refresh();
  failure = new DarkroomError('unavailable', 'the database is away');
  watched.hear(ended());
  await vi.waitFor(() => expect(reads).toBe(2));
  expect(watched.current().record.state).toBe('running');
  failure = undefined;
  watched.place({ revision: 3, step: 0 });
  await vi.waitFor(() => expect(watched.current().record.state).toBe('succeeded'));
  failure = new DarkroomError('not-found', 'there is no such generation');
  watched.place(undefined);
  await vi.waitFor(() => expect(() => watched.current()).toThrow(failure));
});

const previewOf = (step: number, revision = 2): GenerationEvent => {
  const preview = { index: 0, step, url: 'data:image/jpeg;base64,AAAA' };
  return { ...progressTo(step, revision), preview } as GenerationEvent;
};

it('shows a preview once, with the progress of its time', async () => {
  const watched = watch();
  await watched.refresh();
  watched.hear(previewOf(5));
  await vi.waitFor(() => expect(watched.current().generation.preview?.step).toBe(5));
  expect(watched.current().generation.progress.step).toBe(5);
  watched.hear(progressTo(6));
  await vi.waitFor(() => expect(watched.current().generation.progress.step).toBe(6));
  expect(watched.current().generation).not.toHaveProperty('preview');
});

it('shows a preview that comes after the progress of its step', async () => {
  const watched = watch();
  await watched.refresh();
  watched.hear(progressTo(5));
  await vi.waitFor(() => expect(watched.current().record.progress.step).toBe(5));
  watched.hear(previewOf(5));
  await vi.waitFor(() => expect(watched.current().generation.preview?.step).toBe(5));
});

it('leaves previews out where there are too many watches, and of attempts that are over', async () => {
  const watched = watch();
  await watched.refresh();
  watched.hear(previewOf(5, 1));
  showsPreviews = false;
  watched.hear(previewOf(7));
  await vi.waitFor(() => expect(watched.current().record.progress.step).toBe(7));
  expect(watched.current().generation).not.toHaveProperty('preview');
});
