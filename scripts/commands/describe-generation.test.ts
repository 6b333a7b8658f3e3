import { expect, test } from 'vitest';
import { describeGeneration } from './describe-generation.ts';

type Generation = Parameters<typeof describeGeneration>[0];

const generation: Generation = {
  id: '00000000-0000-4000-8000-000000000001',
  state: 'queued',
  request: {
    model: 'pinhole',
    prompt: 'a red circle',
    negativePrompt: '',
    seed: 7,
    steps: 20,
    guidanceScale: 4,
    width: 64,
    height: 64,
    count: 1,
  },
  progress: { step: 0, steps: 20 },
  attempt: 0,
  images: [],
  error: null,
  timings: { queuedMs: null, modelLoadMs: null, inferenceMs: null, storeMs: null },
  createdAt: '2026-01-01T00:00:00.000Z',
  finishedAt: null,
  cancelRequested: false,
  receipt: null,
  evidence: [],
  redriveOf: null,
  waiting: null,
  truncated: [],
  webhook: null,
};

test('what has no receipt, no evidence and no forerunner says nothing of them', () => {
  expect(describeGeneration(generation)).not.toMatch(/^(receipt|evidence|repeats|error)/m);
});

test('a queued generation tells what it waits for, and how long where that is known', () => {
  const waiting = {
    position: 3,
    reason: 'no-capacity',
    startMs: { low: 4_200, high: 9_900 },
  } as const;
  expect(describeGeneration({ ...generation, waiting })).toMatch(
    /^waits +3 ahead: the workers are at others that came before; begins in 4 to 10 s$/m,
  );
  const cold = { position: 0, reason: 'cold-start', startMs: null } as const;
  expect(describeGeneration({ ...generation, waiting: cold })).toMatch(
    /^waits +0 ahead: no worker/m,
  );
});

test('a prompt that was cut tells what was ignored', () => {
  const text = describeGeneration({
    ...generation,
    truncated: [
      { field: 'prompt', tokens: 80, limit: 75, dropped: 'at\nnight' },
      { field: 'negativePrompt', tokens: 76, limit: 75, dropped: 'blur' },
    ],
  });
  expect(text).toMatch(
    /^warning +the prompt has 80 tokens, the model takes 75; ignored: "at\\nnight"$/m,
  );
  expect(text).toMatch(/^warning +the negative prompt has 76 tokens, .*; ignored: "blur"$/m);
  expect(describeGeneration(generation)).not.toContain('warning');
});

test('a webhook tells how far it has come, and what its receiver answered', () => {
  const pending = {
    state: 'pending',
    attempts: 2,
    lastStatus: 503,
    lastError: 'it answered 503',
    nextAt: '2026-01-01T00:00:30.000Z',
  } as const;
  expect(describeGeneration({ ...generation, webhook: pending })).toMatch(
    /^webhook +pending, 2 attempts, next at 2026-01-01T00:00:30.000Z; it answered 503$/m,
  );
  expect(describeGeneration(generation)).not.toContain('webhook');
});

test('a quarantined generation tells what every attempt died of', () => {
  const at = '2026-01-01T00:00:00.000Z';
  const quarantined = {
    ...generation,
    state: 'failed',
    error: { code: 'ATTEMPTS', message: 'taken up 2 times' },
    evidence: [
      { attempt: 1, at, cause: 'lease-ended' },
      { attempt: 2, at, cause: 'engine-died' },
    ],
  } as const satisfies Partial<Generation>;
  const text = describeGeneration(quarantined, [
    { worker: 'w-1', attempt: 1, at, cause: 'lease-ended', lastWords: null },
    { worker: 'w-2', attempt: 2, at, cause: 'engine-died', lastWords: 'died\n  out of memory' },
  ]);
  expect(describeGeneration(quarantined)).toContain(
    `attempt 2, ${at}: its inference processes died of it`,
  );
  expect(text).toContain(`attempt 1 on w-1, ${at}: its lease ended without a word\n`);
  expect(text).toContain(
    `attempt 2 on w-2, ${at}: its inference processes died of it: died | out of memory`,
  );
});

test('a canceled generation shows its receipt, with the time spared where it is known', () => {
  const receipt = { stepsRun: 5, stepsSpared: 15, gpuMs: 50.4, gpuMsSpared: 151.2 };
  const canceled = { ...generation, state: 'canceled' } as const;
  expect(describeGeneration({ ...canceled, receipt })).toMatch(
    /^receipt +5 steps run in 50 ms, 15 spared in 151 ms$/m,
  );
  const unknown = { stepsRun: 0, stepsSpared: 20, gpuMs: 0, gpuMsSpared: null };
  expect(describeGeneration({ ...canceled, receipt: unknown })).toMatch(
    /^receipt +0 steps run in 0 ms, 20 spared$/m,
  );
});

test('a redriven generation names the one that it repeats', () => {
  const redriveOf = '00000000-0000-4000-8000-000000000002';
  expect(describeGeneration({ ...generation, redriveOf })).toMatch(
    new RegExp(`^repeats +${redriveOf}$`, 'm'),
  );
});
