/** Loads a UNet in one of several ways and runs it; see `startProcess`. Its order is a `UnetOrder`. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import {
  engineVersions,
  loadNetworks,
  type OptimizedCopies,
  type Tensor,
} from '@darkroom/diffusion';
import { InferenceSession } from 'onnxruntime-node';
import type { Measurement } from '../pictures/measured-process.ts';
import { peakBytes } from '../resident-memory.ts';
import { randomInputs } from './random-inputs.ts';

export type UnetOrder = {
  /** A model's folder. */
  folder: string;
  /** As exported; as the engine loads it; from the optimised copy that the engine keeps, made if absent. */
  graph: 'exported' | 'engine' | 'copy';
  /** Where the engine keeps its copy. */
  copies: string;
  threads: number;
  latents: { batch: number; height: number; width: number };
};

/** `output`: base64 of float32. */
export type UnetRun = Measurement & { output: string };

const order: UnetOrder = JSON.parse(process.argv[2] ?? '');
const { folder, graph, copies, threads } = order;

async function load(): Promise<Pick<InferenceSession, 'inputMetadata' | 'run'>> {
  if (graph !== 'exported') {
    const optimized: OptimizedCopies = {
      folder: copies,
      digests: new Map([['unet', 'random']]),
      exclusively: (task) => task(),
    };
    const networks = await loadNetworks(folder, ['unet'], {
      executionProviders: ['cpu'],
      intraOpThreads: threads,
      ...(graph === 'copy' && { optimized }),
    });
    return networks.unet.session;
  }
  return await InferenceSession.create(`${folder}/unet/model.onnx`, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
    // As the engine runs it.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}

const session = await load();
console.log(JSON.stringify(engineVersions));
const inputs = randomInputs(session.inputMetadata, order.latents);
for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now();
  const { out_sample: sample } = await session.run(inputs);
  const ms = performance.now() - started;
  const { buffer, byteOffset, byteLength } = (sample as Tensor).data as Float32Array;
  const output = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  const run: UnetRun = { ms, peakBytes: await peakBytes(), output };
  console.log(JSON.stringify(run));
}
