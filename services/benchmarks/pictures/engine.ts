/** Makes pictures with the engine; see `startProcess`. Its order is a `PictureOrder`. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { engineVersions, loadPipeline } from '@darkroom/diffusion';
import { peakBytes } from '../resident-memory.ts';
import type { MadePicture, PictureOrder } from './measured-process.ts';

/** With the number of the UNet's runs. */
export type EnginePicture = MadePicture & { unetCalls: number };

const { folder, request, threads }: PictureOrder = JSON.parse(process.argv[2] ?? '');
const pipeline = await loadPipeline(folder, {
  executionProviders: ['cpu'],
  intraOpThreads: threads,
});
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
