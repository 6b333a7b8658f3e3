import { join } from 'node:path';
import { ModelError } from '../model-error.ts';
import { InferenceSession } from './runtime.ts';

/** The three networks of Stable Diffusion, ready to run. */
export type Sessions = {
  textEncoder: InferenceSession;
  unet: InferenceSession;
  vaeDecoder: InferenceSession;
};

export type SessionOptions = {
  /** In order of preference, for example `['cuda', 'cpu']`. The runtime does not fall back itself. */
  executionProviders: readonly string[];
  /** Threads within one operator; absent: one for each physical core. */
  intraOpThreads?: number | undefined;
};

/**
 * Loads the networks of a folder in the Hugging Face ONNX layout, by path, so that weights beside
 * the graph (external data) are found. One after the other: loading is bound by the disk.
 *
 * @throws ModelError where a network is missing, half written or not for these providers
 */
export async function loadSessions(folder: string, options: SessionOptions): Promise<Sessions> {
  const loaded: InferenceSession[] = [];
  try {
    for (const part of ['text_encoder', 'unet', 'vae_decoder']) {
      loaded.push(await loadSession(join(folder, part, 'model.onnx'), options));
    }
  } catch (error) {
    await Promise.all(loaded.map((session) => session.release()));
    throw error;
  }
  const [textEncoder, unet, vaeDecoder] = loaded;
  return { textEncoder: textEncoder!, unet: unet!, vaeDecoder: vaeDecoder! };
}

export async function releaseSessions(sessions: Sessions): Promise<void> {
  await Promise.all(Object.values(sessions).map((session) => session.release()));
}

async function loadSession(
  path: string,
  { executionProviders, intraOpThreads }: SessionOptions,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: [...executionProviders],
      graphOptimizationLevel: 'all',
      // Threads that have nothing to do sleep: see docs/decisions/engine-threads.md.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      // Errors only: warnings about shape inference are no news to an operator.
      logSeverityLevel: 3,
      ...(intraOpThreads !== undefined && { intraOpNumThreads: intraOpThreads }),
    });
  } catch (cause) {
    throw new ModelError(
      `${path} could not be loaded on ${executionProviders.join(', ')}`,
      cause instanceof Error ? cause.message : String(cause),
      'Write the model folder again in whole, or choose an execution provider that this machine has (cpu always is)',
      { cause },
    );
  }
}
