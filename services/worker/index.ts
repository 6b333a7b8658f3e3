export { readConfig as readWorkerConfig } from './config.ts';
export { requireGpu } from './gpu.ts';
export type { Identity } from './inference/identity.ts';
export {
  type Inference,
  type InferenceOptions,
  startInference,
} from './inference/inference-process.ts';
export type { InferenceCall, InferenceResult } from './inference/make-picture.ts';
export type { InferenceRequest, ModelFolder } from './inference/protocol.ts';
export { copyModel, hasModel } from './model-cache/copy-model.ts';
export { MODEL_SOURCE_PREFIX } from './model-cache/manifest.ts';
export { type Pulled, type PullProgress, pullModel } from './model-cache/pull-model.ts';
export {
  checkPulled,
  listPulled,
  type PulledModel,
  removePulled,
} from './model-cache/pulled-models.ts';
export { type PushedModel, pushModel } from './model-cache/push-model.ts';
export { findModelFolders } from './model-folders.ts';
export { defaultModelMemory } from './model-memory.ts';
export { createWorker, type Worker, type WorkerOptions } from './worker.ts';
