import { ModelError } from '../model-error.ts';
import type { UnetConfig } from '../model-folder/model-configs.ts';
import { axisOf, type Network, type TensorMetadata } from '../onnx/network.ts';
import type { ConditioningInput } from '../pipelines/conditioning.ts';

const f32 = Math.fround;

/**
 * Guidance takes a second sample a call, without the prompt, unless it was distilled into the model,
 * which is then told the scale (https://arxiv.org/abs/2210.03142).
 */
export const isDistilled = ({ time_cond_proj_dim }: UnetConfig): boolean =>
  time_cond_proj_dim != null;

/** Whether this scale takes the second sample. */
export const takesTwoSamples = (config: UnetConfig, guidanceScale: number): boolean =>
  guidanceScale > 1 && !isDistilled(config);

/** Names of the UNet's inputs that tell it the scale. */
export const guidanceInputNames = (config: UnetConfig): string[] =>
  isDistilled(config) ? ['timestep_cond'] : [];

/** The UNet's inputs that tell it the scale. */
export function guidanceInputs(
  config: UnetConfig,
  guidanceScale: number,
): Record<string, ConditioningInput> {
  const width = config.time_cond_proj_dim;
  if (width == null) return {};
  return { timestep_cond: { values: embedGuidance(guidanceScale, width), dims: [1, width] } };
}

/** Sines, then cosines, of the scale at `width` ÷ 2 frequencies, rounded as diffusers rounds. */
export function embedGuidance(guidanceScale: number, width: number): Float32Array {
  const embedding = new Float32Array(width);
  const weight = f32(f32(guidanceScale - 1) * 1000);
  const half = Math.floor(width / 2);
  const decay = f32(f32(Math.log(10_000)) / (half - 1));
  for (let i = 0; i < half; i++) {
    const angle = f32(weight * f32(Math.exp(f32(i * -decay))));
    embedding[i] = Math.sin(angle);
    embedding[half + i] = Math.cos(angle);
  }
  return embedding;
}

/**
 * Of the text that the UNet attends to. Checked where the exporter wrote the widths.
 *
 * @throws ModelError where the encoders are of another model than the UNet
 */
export function checkTextWidth(
  unet: Network,
  encoders: readonly Network[],
  outputs: readonly TensorMetadata[],
): void {
  const input = unet.session.inputMetadata.find(({ name }) => name === 'encoder_hidden_states');
  const takes = input?.isTensor === true ? axisOf(input, 2) : undefined;
  const widths = outputs.map((output) => axisOf(output, 2));
  if (takes === undefined || widths.includes(undefined)) return;
  const gives = widths.reduce<number>((sum, width) => sum + (width ?? 0), 0);
  if (takes === gives) return;
  throw new ModelError(
    `${encoders.map(({ file }) => file).join(' and ')} cannot be used with ${unet.file}`,
    `the text is ${gives} wide, where ${takes} are expected`,
    'Take text encoders and UNet from the same model',
  );
}
