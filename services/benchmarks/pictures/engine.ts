/**
 * Makes pictures with the engine; see `startProcess`. Its order is an `EngineOrder`. Where the model is over
 * the budget, it says `refused` in place of its versions, and ends.
 */
import process from 'node:process';
import { createInterface } from 'node:readline';
import {
  createModelMemory,
  engineVersions,
  loadPipeline,
  OverBudget,
  type Pipeline,
} from '@darkroom/diffusion';
import { peakBytes } from '../resident-memory.ts';
import type { MadePicture, PictureOrder } from './measured-process.ts';

/** `budgetBytes`: for its networks; absent: without end. */
export type EngineOrder = PictureOrder & { budgetBytes?: number };

/** With the number of the UNet's runs. */
export type EnginePicture = MadePicture & { unetCalls: number };

const { folder, request, threads, budgetBytes }: EngineOrder = JSON.parse(process.argv[2] ?? '');

async function load(): Promise<Pipeline> {
  try {
    return await loadPipeline(folder, {
      executionProviders: ['cpu'],
      intraOpThreads: threads,
      ...(budgetBytes !== undefined && { memory: createModelMemory(budgetBytes) }),
    });
  } catch (error) {
    if (!(error instanceof OverBudget)) throw error;
    console.log(JSON.stringify({ refused: error.message }));
    process.exit(0);
  }
}

const pipeline = await load();
console.log(JSON.stringify(engineVersions));
for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now();
  let unetCalls = 0;
  const onStep = () => {
    unetCalls += 1;
  };
  const { png } = await pipeline.generate(request, { onStep });
  const ms = performance.now() - started;
  const file = Buffer.from(png).toString('base64');
  const made: EnginePicture = { ms, peakBytes: await peakBytes(), png: file, unetCalls };
  console.log(JSON.stringify(made));
}
