import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import type { Inference } from '@darkroom/worker';

/** An engine that computes nothing, so that all around one can be measured. */
export const instantInference = (model: string, engineMs: number): Inference => ({
  identity: () => ({
    protocol: 0,
    engine: 'instant',
    node: process.version,
    onnxruntime: 'none',
    executionProviders: ['none'],
    models: [{ name: model, digest: 'none', loadMs: 0 }],
  }),
  pid: () => process.pid,
  crashes: () => 0,
  busySeconds: () => 0,
  memory: () => undefined,
  async up() {},
  async generate({ width, height }) {
    if (engineMs > 0) await wait(engineMs);
    const png = new Uint8Array(1);
    const picture = { png, width, height, truncated: [] };
    return { ...picture, modelLoadMs: 0, inferenceMs: engineMs, restarts: 0 };
  },
  async close() {},
});

/** Takes every picture and keeps none. */
export const noObjects: Parameters<typeof import('@darkroom/worker').createWorker>[0]['objects'] = {
  async put() {},
  async get() {
    return undefined;
  },
  async putFile() {},
  async read() {
    return undefined;
  },
  async list() {
    return [];
  },
  async remove() {},
  async check() {},
  async close() {},
};
