/**
 * Makes the runs of a picture with bare sessions, and no picture; see `startProcess`. Its order is a
 * `BareOrder`.
 */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { engineVersions, loadNetworks, releaseNetworks } from '@darkroom/diffusion';
import type { Measurement, PictureOrder } from '../pictures/measured-process.ts';
import { peakBytes } from '../resident-memory.ts';
import { randomInputs } from './random-inputs.ts';

/** `inTurn`: each network is loaded when it is run, and released before the next. */
export type BareOrder = PictureOrder & { parts: string[]; unetCalls: number; inTurn: boolean };

const order: BareOrder = JSON.parse(process.argv[2] ?? '');
const { folder, request, threads, parts, unetCalls, inTurn } = order;
const options = { executionProviders: ['cpu'], intraOpThreads: threads };
const samples = request.guidanceScale > 1 ? 2 : 1;
const latents = { height: request.height / 8, width: request.width / 8 };
const networks = inTurn ? undefined : await loadNetworks(folder, parts, options);

async function runPart(part: string): Promise<void> {
  const loaded = networks ?? (await loadNetworks(folder, [part], options));
  const { session } = loaded[part]!;
  const batch = part === 'vae_decoder' ? 1 : samples;
  const inputs = randomInputs(session.inputMetadata, { batch, ...latents });
  const runs = part === 'unet' ? unetCalls : 1;
  for (let run = 0; run < runs; run++) await session.run(inputs);
  if (networks === undefined) await releaseNetworks(loaded);
}

console.log(JSON.stringify(engineVersions));
for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now();
  for (const part of parts) await runPart(part);
  const ms = performance.now() - started;
  const measured: Measurement = { ms, peakBytes: await peakBytes() };
  console.log(JSON.stringify(measured));
}
