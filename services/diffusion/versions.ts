import { env } from 'onnxruntime-node';
import manifest from './package.json' with { type: 'json' };

/**
 * What makes the bits beside the model: a run begun with the same versions and providers can be
 * gone on with to the same picture.
 */
export const engineVersions = {
  engine: manifest.version,
  node: process.versions.node,
  onnxruntime: env.versions.node ?? env.versions.common,
} as const;
