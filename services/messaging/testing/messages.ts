import { randomUUID } from 'node:crypto';
import type { GenerationEvent, JobMessage } from '@darkroom/contract';

export const newJob = (change: Partial<JobMessage> = {}): JobMessage => ({
  version: 1,
  generationId: randomUUID(),
  revision: 1,
  model: 'pinhole',
  ...change,
});

export const newProgress = (step = 1): GenerationEvent => ({
  version: 1,
  type: 'progress',
  generationId: randomUUID(),
  revision: 2,
  progress: { step, steps: 20 },
});

export const newCancel = (): GenerationEvent => ({
  version: 1,
  type: 'cancel',
  generationId: randomUUID(),
  revision: 3,
});
