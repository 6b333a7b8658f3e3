/** Loads a UNet in a way of its own and runs it; see `startProcess`. Its order is a `UnetOrder`. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { engineVersions, type Tensor } from '@darkroom/diffusion';
import { InferenceSession } from 'onnxruntime-node';
import type { Measurement } from '../pictures/measured-process.ts';
import { peakBytes } from '../resident-memory.ts';
import { randomInputs } from './random-inputs.ts';

export type UnetOrder = {
  model: string;
  threads: number;
  /** How far the runtime optimises the graph when it loads it. */
  level: 'disabled' | 'extended' | 'all';
  /** Has the runtime write what it made of the graph, with the weights in a file beside. */
  writeTo?: string;
  latents: { batch: number; height: number; width: number };
};

/** `output`: base64 of float32. */
export type UnetRun = Measurement & { output: string };

const order: UnetOrder = JSON.parse(process.argv[2] ?? '');
const session = await InferenceSession.create(order.model, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: order.level,
  intraOpNumThreads: order.threads,
  logSeverityLevel: 3,
  ...(order.writeTo !== undefined && { optimizedModelFilePath: order.writeTo }),
  extra: {
    session: {
      // As the engine runs it.
      intra_op: { allow_spinning: '0' },
      ...(order.writeTo !== undefined && {
        optimized_model_external_initializers_file_name: 'model.onnx_data',
      }),
    },
  },
});
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
