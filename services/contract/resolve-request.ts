import type { ModelCatalogue, ModelEntry } from './catalogue.ts';
import { DarkroomError } from './errors.ts';
import type { GenerationInput, GenerationRequest } from './generation.ts';
import { limitProblems } from './limits.ts';
import type { Seed } from './seed.ts';

/**
 * Fills an input's gaps from the model's defaults and holds it against the model's limits.
 *
 * @param randomSeed used when the input names no seed
 * @throws DarkroomError (`request`) as `checkRequest`
 */
export function resolveRequest(
  input: GenerationInput,
  model: ModelEntry,
  randomSeed: Seed,
): GenerationRequest {
  const { defaults } = model;
  const scheduler = input.scheduler ?? defaults.scheduler;
  const karras = input.karras ?? defaults.karras;
  const request: GenerationRequest = {
    model: model.name,
    prompt: input.prompt,
    negativePrompt: input.negativePrompt ?? '',
    seed: input.seed ?? randomSeed,
    steps: input.steps ?? defaults.steps,
    guidanceScale: input.guidanceScale ?? defaults.guidanceScale,
    width: input.width ?? defaults.width,
    height: input.height ?? defaults.height,
    count: input.count ?? 1,
    ...(scheduler !== undefined && { scheduler }),
    ...(karras !== undefined && { karras }),
  };

  checkRequest(request, model);
  return request;
}

/**
 * Holds a request against the model's limits.
 *
 * @throws DarkroomError (`request`) that lists every field beyond its limit, each with the bound
 */
export function checkRequest(request: GenerationRequest, { name, limits }: ModelEntry): void {
  const problems = limitProblems(request, limits);
  if (problems.length === 0) return;
  const messages = problems.map(({ message }) => message).join('; ');
  throw new DarkroomError('request', `model ${name}: ${messages}`);
}

/**
 * The catalogue's model of that name; without a name, its first.
 *
 * @throws DarkroomError (`request`) that lists the models there are
 */
export function findModel({ models }: ModelCatalogue, name: string | undefined): ModelEntry {
  const found = name === undefined ? models[0] : models.find((model) => model.name === name);
  if (found !== undefined) return found;
  const known = models.map((model) => model.name).join(', ');
  throw new DarkroomError(
    'request',
    `model: ${JSON.stringify(name?.slice(0, 60))} is not in the catalogue; it has ${known}`,
  );
}
