export { ModelError } from './model-error.ts';
export {
  type ModelFile,
  modelDigest,
  type VerifiedModel,
  verifyModelFolder,
} from './model-folder/verify-model-folder.ts';
export { createModelMemory, type MemoryState, type ModelMemory } from './onnx/model-memory.ts';
export { OverBudget } from './onnx/network-memory.ts';
export { networkDigests, type OptimizedCopies } from './onnx/optimized-copy.ts';
/** The runtime's tensor, for who runs the sessions without a pipeline. */
export { Tensor } from './onnx/runtime.ts';
export {
  loadNetworks,
  type Networks,
  releaseNetworks,
  type SessionOptions,
} from './onnx/sessions.ts';
export { loadPipeline } from './pipelines/load-pipeline.ts';
export type {
  GenerateOptions,
  Picture,
  PictureRequest,
  Pipeline,
  Truncation,
} from './pipelines/pipeline.ts';
export { addPngText } from './pipelines/png-text.ts';
export type { RandomState, RunState } from './pipelines/run-state.ts';
export { decodeRunState, encodeRunState } from './pipelines/run-state-bytes.ts';
export type { SchedulerUsed } from './schedulers/create-scheduler.ts';
export { engineVersions } from './versions.ts';
