import type { GenerationRecord } from '@darkroom/generations';
import { expect, it } from 'vitest';
import { startFrontend } from '../testing/start-frontend.ts';
import { createEventHub } from './event-hub.ts';
import { watchGeneration } from './watch.ts';

it('sees the end though the database was set back and counts its revisions anew', async () => {
  const frontend = await startFrontend();
  const { result } = await frontend.mutate('generations.create', { prompt: 'x' });
  const { id } = result.data;
  const [queued] = await frontend.records();
  if (queued === undefined) throw new Error('there is no record');
  const ahead: GenerationRecord = { ...queued, state: 'running', revision: 5 };
  const ended: GenerationRecord = { ...queued, state: 'canceled', revision: 2 };
  const reads = [ahead, queued, ended];
  const never = new AbortController().signal;
  const watch = watchGeneration(id, async () => reads.shift() ?? ended, {
    events: createEventHub(frontend.broker, frontend.logger),
    signal: never,
    revoked: never,
    closing: never,
    waiting: () => null,
    quietMs: 1,
  });
  const states: string[] = [];
  for await (const { generation } of watch) states.push(generation.state);
  expect(states).toEqual(['running', 'queued', 'canceled']);
  await frontend.close();
});
