import { z } from 'zod';
import { type SchedulerName, schedulers, schedulersWithKarras } from './schedulers.ts';

const sideLimits = z
  .strictObject({
    min: z.int().positive(),
    max: z.int().positive(),
    /** Sides are whole multiples of this, at least the VAE's scale factor (8). */
    multipleOf: z.int().positive().default(8),
  })
  .refine((side) => side.min <= side.max, {
    error: 'min must not be larger than max',
    abort: true,
  })
  .refine(
    ({ min, max, multipleOf }) => Math.ceil(min / multipleOf) * multipleOf <= max,
    'no whole multiple of multipleOf lies between min and max',
  );

/** What may be asked of a model. */
export const limits = z.strictObject({
  steps: z.int().positive(),
  count: z.int().positive(),
  width: sideLimits,
  height: sideLimits,
  /** In characters (Unicode code points), of the prompt and of the negative prompt. */
  promptLength: z.int().positive().default(2_000),
  guidanceScale: z.number().min(1).default(30),
});
type Limits = z.infer<typeof limits>;

/** The fields of a request that a model's limits bound. */
export type Bounded = {
  prompt: string;
  negativePrompt: string;
  steps: number;
  count: number;
  guidanceScale: number;
  width: number;
  height: number;
  scheduler?: SchedulerName | undefined;
  karras?: boolean | undefined;
};

export type LimitProblem = { field: keyof Bounded; message: string };

/** Every field that is beyond its limit, each with the value, the bound and what is allowed. */
export function limitProblems(request: Bounded, limits: Limits): LimitProblem[] {
  const problems: LimitProblem[] = [];
  for (const field of ['steps', 'count', 'guidanceScale'] as const) {
    if (request[field] <= limits[field]) continue;
    const message = `${field} is ${request[field]}, at most ${limits[field]} is allowed`;
    problems.push({ field, message });
  }
  for (const field of ['width', 'height'] as const) {
    const value = request[field];
    const { min, max, multipleOf } = limits[field];
    if (value >= min && value <= max && value % multipleOf === 0) continue;
    const message = `${field} is ${value}, it must be ${allowed(limits[field])}${nearest(value, limits[field])}`;
    problems.push({ field, message });
  }
  for (const field of ['prompt', 'negativePrompt'] as const) {
    const length = [...request[field]].length;
    if (length <= limits.promptLength) continue;
    const message = `${field} has ${length} characters, at most ${limits.promptLength} are allowed`;
    problems.push({ field, message });
  }
  const { scheduler, karras } = request;
  if (karras === true && scheduler !== undefined && !schedulers[scheduler].karras) {
    const others = schedulersWithKarras.join(', ');
    const message = `karras is not available with scheduler ${scheduler}; use one of ${others}`;
    problems.push({ field: 'karras', message });
  }
  return problems;
}

function allowed({ min, max, multipleOf }: Limits['width']): string {
  const first = Math.ceil(min / multipleOf) * multipleOf;
  const last = Math.floor(max / multipleOf) * multipleOf;
  if (first === last) return String(first);
  return multipleOf === 1
    ? `from ${min} to ${max}`
    : `a multiple of ${multipleOf} from ${first} to ${last}`;
}

/** The allowed sizes beside one that is not, where there are several. */
function nearest(value: number, { min, max, multipleOf }: Limits['width']): string {
  const first = Math.ceil(min / multipleOf) * multipleOf;
  const last = Math.floor(max / multipleOf) * multipleOf;
  if (first === last || value % 1 !== 0) return '';
  const below = Math.min(last, Math.max(first, Math.floor(value / multipleOf) * multipleOf));
  const above = Math.min(last, Math.max(first, Math.ceil(value / multipleOf) * multipleOf));
  return below === above ? `; the nearest is ${below}` : `; the nearest are ${below} and ${above}`;
}
