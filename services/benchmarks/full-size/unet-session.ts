/** Loads a UNet in one of several ways and runs it; see `startProcess`. Its order is a `UnetOrder`. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { engineVersions, loadNetworks, type Tensor } from '@darkroom/diffusion';
import { InferenceSession } from 'onnxruntime-node';
import type { Measurement } from '../pictures/measured-process.ts';
import { peakBytes } from '../resident-memory.ts';
import { randomInputs } from './random-inputs.ts';

export type UnetOrder = {
  /** A model's folder. */
  folder: string;
  /**
   * The exported graph, which the runtime optimises when it loads it; the same, and the runtime writes what
   * it has made of it; what it wrote, loaded as it is; or as the engine loads it.
   */
  graph: 'exported' | 'write' | 'written' | 'engine';
  /** Where the runtime writes its graph. */
  written: string;
  threads: number;
  latents: { batch: number; height: number; width: number };
};

/** `output`: base64 of float32. */
export type UnetRun = Measurement & { output: string };

const order: UnetOrder = JSON.parse(process.argv[2] ?? '');
const { folder, graph, written, threads } = order;

async function load(): Promise<InferenceSession> {
  if (graph === 'engine') {
    const options = { executionProviders: ['cpu'], intraOpThreads: threads };
    return (await loadNetworks(folder, ['unet'], options)).unet.session;
  }
  return await InferenceSession.create(
    graph === 'written' ? written : `${folder}/unet/model.onnx`,
    {
      executionProviders: ['cpu'],
      // What depends on the processor, the layout of convolutions, is not written: it is done at each load.
      graphOptimizationLevel: graph === 'write' ? 'extended' : 'all',
      intraOpNumThreads: threads,
      logSeverityLevel: 3,
      ...(graph === 'write' && { optimizedModelFilePath: written }),
      extra: {
        session: {
          // As the engine runs it.
          intra_op: { allow_spinning: '0' },
          ...(graph === 'write' && {
            optimized_model_external_initializers_file_name: 'model.onnx_data',
          }),
        },
      },
    },
  );
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
