import type { PictureRequest } from './pipeline.ts';

/** An input of the UNet that is the same at every call: a row for each sample, row-major. */
export type ConditioningInput = {
  readonly values: Float32Array;
  /** [samples, …] */
  readonly dims: readonly number[];
};

/** What steers one picture. */
export type Conditioning = {
  /**
   * Weight of classifier-free guidance, for which a call takes two samples, [unconditional,
   * conditional]; undefined: one sample.
   */
  readonly guidanceScale: number | undefined;
  /** By the UNet's names for them. */
  readonly inputs: Readonly<Record<string, ConditioningInput>>;
};

export type Conditioner = {
  /** The prompts that have an effect, in the order of the samples. */
  fields(request: PictureRequest): readonly ('prompt' | 'negativePrompt')[];
  condition(request: PictureRequest): Promise<Conditioning>;
};

/** Prompts in the order of the samples: without guidance the negative prompt has no effect. */
export const promptFields = (isGuided: boolean) =>
  isGuided ? (['negativePrompt', 'prompt'] as const) : (['prompt'] as const);
