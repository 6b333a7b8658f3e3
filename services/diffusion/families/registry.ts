import { ModelError } from '../model-error.ts';
import type { Family } from './family.ts';
import { latentConsistency } from './latent-consistency/latent-consistency.ts';
import { stableDiffusion } from './stable-diffusion/stable-diffusion.ts';
import { stableDiffusionXl } from './stable-diffusion-xl/stable-diffusion-xl.ts';

/** Every family that is built in. */
const families: readonly Family[] = [stableDiffusion, stableDiffusionXl, latentConsistency];

/** Exporters name their own class after the one they export from; diffusers' put its mark last at first. */
const exporters = /^(Onnx|ORT)|Onnx(?=Pipeline$)/;

/**
 * @param className `_class_name` of `model_index.json`
 * @throws ModelError for pipelines that are not built in
 */
export function familyOf(className: string, file: string): Family {
  const name = className.replace(exporters, '');
  const family = families.find(({ classNames }) => classNames.includes(name));
  if (family !== undefined) return family;
  throw new ModelError(
    `The model of ${file} cannot be run`,
    `its _class_name is ${className}, and there is no such pipeline here`,
    `Use a model of one of these: ${families.flatMap(({ classNames }) => classNames).join(', ')}`,
  );
}
