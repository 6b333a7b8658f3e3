import type { ModelCatalogue, ModelEntry } from './catalogue.ts';
import { DarkroomError } from './errors.ts';
import type { GenerationInput, GenerationRequest } from './generation.ts';
import { limitProblems } from './limits.ts';
import type { Seed } from './seed.ts';

/** A request whose pictures may still be base64, with their fields' other bounds checked. */
type Resolved = Omit<GenerationRequest, Pictures> & { [field in Pictures]?: string | undefined };
type Pictures = 'initImage' | 'mask';

/**
 * Fills an input's gaps from the model's defaults and holds it against the model's limits. Pictures
 * stay as they are given, references or base64.
 *
 * @param randomSeed used when the input names no seed
 * @throws DarkroomError (`request`) as `checkRequest`
 */
export function resolveRequest(
  input: GenerationInput,
  model: ModelEntry,
  randomSeed: Seed,
): Resolved {
  const { defaults } = model;
  const scheduler = input.scheduler ?? defaults.scheduler;
  const karras = input.karras ?? defaults.karras;
  const request: Resolved = {
    model: model.name,
    prompt: input.prompt,
    negativePrompt: input.negativePrompt ?? '',
    seed: input.seed ?? randomSeed,
    steps: input.steps ?? defaults.steps,
    guidanceScale: input.guidanceScale ?? defaults.guidanceScale,
    width: input.width ?? defaults.width,
    height: input.height ?? defaults.height,
    count: input.count ?? 1,
    ...(input.longPrompt === 'chunks' && { longPrompt: input.longPrompt }),
    ...(scheduler !== undefined && { scheduler }),
    ...(karras !== undefined && { karras }),
    ...(input.initImage !== undefined && { initImage: input.initImage }),
    ...(input.mask !== undefined && { mask: input.mask }),
    ...(input.strength !== undefined && { strength: input.strength }),
    ...(input.previews === true && { previews: true }),
  };

  checkRequest(request, model);
  return request;
}

/**
 * Holds a request against the model's limits.
 *
 * @throws DarkroomError (`request`) that lists every field beyond its limit, each with the bound
 */
export function checkRequest(request: Resolved, { name, limits }: ModelEntry): void {
  const problems = [
    ...limitProblems(request, limits).map(({ message }) => message),
    ...pictureProblems(request),
  ];
  if (problems.length === 0) return;
  const messages = problems.join('; ');
  throw new DarkroomError('request', `model ${name}: ${messages}`);
}

function pictureProblems({ initImage, mask, strength, steps }: Resolved): string[] {
  const problems: string[] = [];
  for (const [field, value] of Object.entries({ mask, strength })) {
    if (value === undefined || initImage !== undefined) continue;
    problems.push(`${field} is given without initImage, the picture that it is for`);
  }
  if (strength !== undefined && Math.floor(steps * strength) < 1) {
    problems.push(
      `strength ${strength} leaves none of ${steps} steps; ask for at least ${1 / steps}, or for more steps`,
    );
  }
  return problems;
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
