// The step before a worker: brings the models that it serves into the node's cache, and ends.
import process from 'node:process';
import { DarkroomError } from '@darkroom/contract';
import { createLogger, type Logger, objectStoreSettings, onSignals } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { createS3Store } from '@darkroom/storage';
import { type FetchConfig, readFetchConfig } from './model-cache/config.ts';
import { fetchModelFiles } from './model-cache/fetch-model-files.ts';

async function main(config: FetchConfig, logger: Logger): Promise<void> {
  const stop = new AbortController();
  onSignals({
    graceful: (signal) => stop.abort(new DarkroomError('unavailable', `ended by ${signal}`)),
    forceful: () => process.exit(1),
  });
  const objects = createS3Store(objectStoreSettings(config));
  const { MODEL_DIR: modelDir, MODEL_SOURCE_PREFIX: prefix, MODEL_DIGEST: digest } = config;
  const { signal } = stop;
  try {
    for (const name of config.SERVE_MODELS) {
      if (name === pinhole.name) logger.info({ model: name }, 'model comes with Darkroom');
      else await fetchModelFiles({ objects, prefix, name, digest, modelDir, logger, signal });
    }
  } finally {
    await objects.close();
  }
}

try {
  const config = readFetchConfig();
  await main(config, createLogger({ name: 'fetch-model', level: config.LOG_LEVEL }));
} catch (error) {
  console.error(
    'darkroom fetch-model:',
    (error instanceof Error && error.message) || String(error),
  );
  process.exitCode = 1;
}
