/** Makes pictures with the engine; see `startPictureProcess`. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { engineVersions, loadPipeline } from '@darkroom/diffusion';
import { peakBytes } from '../resident-memory.ts';
import type { PictureOrder } from './picture-process.ts';

const { folder, request, threads }: PictureOrder = JSON.parse(process.argv[2] ?? '');
const pipeline = await loadPipeline(folder, {
  executionProviders: ['cpu'],
  intraOpThreads: threads,
});
console.log(JSON.stringify(engineVersions));
for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now();
  const { png } = await pipeline.generate(request);
  const ms = performance.now() - started;
  const file = Buffer.from(png).toString('base64');
  console.log(JSON.stringify({ ms, peakBytes: await peakBytes(), png: file }));
}
