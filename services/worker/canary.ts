// Makes the pictures of a few requests as a worker of this release would, with its engine, its models and its
// GPU, and writes them to standard output: a line of JSON each. It takes no job, and knows neither broker nor
// database, so that a release can be looked at before any caller meets it.
import { createHash } from 'node:crypto';
import process from 'node:process';
import { DarkroomError } from '@darkroom/contract';
import { createLogger, type Logger, loadCatalogue, onSignals } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { type CanaryConfig, readCanaryConfig } from './canary/config.ts';
import { requireGpu } from './gpu.ts';
import { startInference } from './inference/inference-process.ts';
import { findModelFolders } from './model-folders.ts';

/** A line of what it writes. */
export type CanaryPicture = {
  /** The request's place in CANARY_REQUESTS. */
  request: number;
  /** The digest of the model's files, as `models verify` tells it. */
  model: string;
  /** The runtime's provider that was seen to run the model. */
  provider: string;
  /** Of the PNG's bytes, in hexadecimal digits. */
  sha256: string;
  /** The PNG, in base64. */
  png: string;
};

async function main(config: CanaryConfig, logger: Logger): Promise<void> {
  const stop = new AbortController();
  onSignals({
    graceful: (signal) => stop.abort(new DarkroomError('unavailable', `ended by ${signal}`)),
    forceful: () => process.exit(1),
  });
  const catalogue = await loadCatalogue(config.MODELS ?? pinhole.catalogue);
  const inference = await startInference({
    models: await findModelFolders(catalogue, {
      modelDir: config.MODEL_DIR,
      serve: config.SERVE_MODELS,
      digest: config.MODEL_DIGEST,
    }),
    executionProviders: config.EXECUTION_PROVIDERS,
    vaeTiling: config.VAE_TILING,
    environment: config.environment,
    logger,
  });
  try {
    const identity = inference.identity();
    if (config.REQUIRE_GPU) requireGpu(identity);
    for (const [request, { seed, ...rest }] of config.CANARY_REQUESTS.entries()) {
      const { png } = await inference.generate(
        { ...rest, seed: BigInt(seed) },
        { signal: stop.signal },
      );
      const sha256 = createHash('sha256').update(png).digest('hex');
      const { digest = '', provider = '' } =
        identity.models.find(({ name }) => name === rest.model) ?? {};
      const made: CanaryPicture = {
        request,
        model: digest,
        provider,
        sha256,
        png: Buffer.from(png).toString('base64'),
      };
      process.stdout.write(`${JSON.stringify(made)}\n`);
    }
  } finally {
    await inference.close();
  }
}

try {
  const config = readCanaryConfig();
  // Standard output is for the pictures.
  const destination = 'stderr';
  await main(config, createLogger({ name: 'canary', level: config.LOG_LEVEL, destination }));
} catch (error) {
  console.error('darkroom canary:', (error instanceof Error && error.message) || String(error));
  process.exitCode = 1;
}
