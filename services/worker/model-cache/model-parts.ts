import { DarkroomError } from '@darkroom/contract';
import type { ModelSource, SourceFile } from './model-source.ts';

/** The folders that a pipeline reads, in diffusers' layout. */
const folders = 'scheduler|tokenizer(_2)?|text_encoder(_2)?|unet|vae_encoder|vae_decoder';
/** Configurations, vocabularies, graphs, and weights beside their graph, by whatever name exporters give. */
const kinds = 'json|txt|onnx|onnx_data(_\\d+)?|onnx\\.data|data|pb';
const wanted = new RegExp(`^(model_index\\.json|(${folders})/[\\w.-]+\\.(${kinds}))$`);
/** Other precisions of a network beside it, such as `model_fp16.onnx`: only `model.onnx` is read. */
const variant = /\/model_[^/]*\.onnx/;

/** Without these it is another layout, which is better told before gigabytes have come. */
const signs = ['model_index.json', 'unet/model.onnx'];

/**
 * Those files of a repository that a pipeline reads; not the weights for other runtimes beside them. In
 * the order of their size, so that what is wrong with a small one is told early.
 *
 * @throws DarkroomError (`configuration`) where the repository has no such model
 */
export function modelParts({ repository, revision, files }: ModelSource): SourceFile[] {
  const parts = files.filter(({ path }) => wanted.test(path) && !variant.test(path));
  const missing = signs.filter((sign) => parts.every(({ path }) => path !== sign));
  if (missing.length === 0) return parts.toSorted((a, b) => a.bytes - b.bytes);
  throw new DarkroomError(
    'configuration',
    `${repository} at ${revision} is no Stable Diffusion model in ONNX: it has no ${missing.join(' and no ')}; ` +
      'name a revision that is one after @ (some models have a branch onnx), or export it with Optimum ' +
      '(optimum-cli export onnx) and put that folder into MODEL_DIR',
  );
}
