import type { ModelCatalogue, ModelEntry } from './catalogue.ts';
import { DarkroomError } from './errors.ts';
import { type GenerationInput, type GenerationRequest, MAX_SEED } from './generation.ts';

/**
 * Fills an input's gaps from the model's defaults and holds it against the model's limits.
 *
 * @param randomSeed used when the input names no seed; 0 to 2³²−1
 * @throws DarkroomError (`request`) that lists every field beyond its limit, each with the bound
 */
export function resolveRequest(
  input: GenerationInput,
  model: ModelEntry,
  randomSeed: number,
): GenerationRequest {
  const { limits, defaults } = model;
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

  const problems: string[] = [];
  const atMost = (field: 'steps' | 'count' | 'guidanceScale') => {
    if (request[field] > limits[field]) {
      problems.push(`${field} is ${request[field]}, at most ${limits[field]} is allowed`);
    }
  };
  atMost('steps');
  atMost('count');
  atMost('guidanceScale');
  const lastSeed = request.seed + request.count - 1;
  if (lastSeed > MAX_SEED) {
    problems.push(
      `seed is ${request.seed}, with ${request.count} pictures at most ${MAX_SEED - request.count + 1} is allowed`,
    );
  }
  for (const side of ['width', 'height'] as const) {
    const { min, max, multipleOf } = limits[side];
    const value = request[side];
    if (value < min || value > max || value % multipleOf !== 0) {
      problems.push(
        `${side} is ${value}, it must be a multiple of ${multipleOf} from ${min} to ${max}`,
      );
    }
  }
  for (const field of ['prompt', 'negativePrompt'] as const) {
    const length = [...request[field]].length;
    if (length > limits.promptLength) {
      problems.push(
        `${field} has ${length} characters, at most ${limits.promptLength} are allowed`,
      );
    }
  }
  if (request.karras === true && scheduler !== undefined && !hasKarras(scheduler)) {
    problems.push(`karras is not available with scheduler ${scheduler}; use euler or dpmpp-2m`);
  }
  if (problems.length > 0) {
    throw new DarkroomError('request', `model ${model.name}: ${problems.join('; ')}`);
  }
  return request;
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

/** diffusers offers Karras sigmas for these two of the four. */
const hasKarras = (scheduler: string): boolean => scheduler === 'euler' || scheduler === 'dpmpp-2m';
