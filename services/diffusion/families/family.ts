import type { ModelConfigs, UnetConfig } from '../model-folder/model-configs.ts';
import type { ModelIndex } from '../model-folder/model-index.ts';
import type { Network } from '../onnx/network.ts';
import type { Conditioner } from '../pipelines/conditioning.ts';
import type { LatentRgb } from '../pipelines/latent-rgb.ts';
import type { Task } from '../pipelines/pipeline.ts';
import type { SchedulerConfig } from '../schedulers/scheduler-config.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';

/** What a family works with once the model is loaded. */
export type LoadedParts = {
  index: ModelIndex;
  configs: ModelConfigs;
  unet: Network;
  /** In the order of `textEncoders`. */
  tokenizers: readonly ClipTokenizer[];
  textEncoders: readonly Network[];
};

/**
 * Models that one of diffusers' pipelines runs: what they have beside a UNet, a VAE and a scheduler,
 * and where that pipeline differs from the others. The stages are the same for all.
 */
export type Family = {
  /** What `model_index.json` may call it, without the `Onnx` and `ORT` that exporters put in front. */
  readonly classNames: readonly string[];
  /** Text encoders and their tokenizers, as folders of the model. */
  readonly textEncoders: readonly { readonly tokenizer: string; readonly encoder: string }[];
  /** The VAE's `scaling_factor` in folders that were exported before it was written. */
  readonly scalingFactor: number;
  /** Colours of the latents that `scalingFactor` belongs to, for previews. */
  readonly latentRgb: LatentRgb;
  /** Whether `latents_mean` and `latents_std` count. */
  readonly normalizesLatents: boolean;
  /** Whether a float16 VAE runs in float32 from the start where its configuration says `force_upcast`. */
  readonly upcastsVae: boolean;
  /** `strength` where a request does not say: what diffusers' pipelines take. */
  readonly strength: { readonly [task in Exclude<Task, 'text-to-image'>]: number };
  /**
   * Whether all steps of a picture with a strength are taken, spread over the noise levels that it
   * leaves, by the schedulers that can; else the first are left off.
   */
  spreadsSteps(task: Task): boolean;
  /** Settings of the scheduler that this family's pipeline sets whatever the file says. */
  schedulerSettings(task: Task): Partial<SchedulerConfig>;
  /** Names of the UNet's inputs beside sample and timestep. */
  unetInputs(config: UnetConfig): string[];
  /**
   * Binds prompts to the UNet's inputs beside sample and timestep.
   *
   * @throws ModelError where a network or a setting is not of this family
   */
  createConditioner(parts: LoadedParts): Conditioner;
};
