import { createLogger, type Logger } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import {
  type Inference,
  type InferenceOptions,
  startInference,
} from '../inference/inference-process.ts';
import type { InferenceRequest } from '../inference/protocol.ts';

export type LogLine = { msg: string; level: string } & Record<string, unknown>;

/** A logger whose lines can be read. */
export function readableLogger(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { logger: createLogger({ name: 'worker', level: 'debug', destination }), lines };
}

export const pinholeModels = [{ name: pinhole.name, folder: pinhole.folder }];

export const pinholeRequest = {
  model: pinhole.name,
  prompt: 'a large red star on a blue background',
  negativePrompt: '',
  seed: 7,
  steps: 12,
  guidanceScale: 4,
  scheduler: 'euler-ancestral',
  width: 64,
  height: 64,
} as const satisfies InferenceRequest;

/** The engine on the built-in model, telling every step, closed with the block that holds it. */
export async function startPinhole(
  options: Partial<InferenceOptions> = {},
): Promise<Inference & AsyncDisposable & { lines: LogLine[] }> {
  const { logger, lines } = readableLogger();
  const inference = await startInference({
    models: pinholeModels,
    logger,
    stepIntervalMs: 0,
    environment: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
    ...options,
  });
  return { ...inference, lines, [Symbol.asyncDispose]: inference.close };
}
