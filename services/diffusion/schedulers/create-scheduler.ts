import type { z } from 'zod';
import { ModelError } from '../model-error.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { type Algorithm, algorithms } from './algorithms.ts';
import type { Scheduler } from './scheduler.ts';
import { describeIssues, type SchedulerConfig } from './scheduler-config.ts';

type Named = {
  /** Absent: the class that the configuration names. */
  name?: string | undefined;
  /** Absent: what the configuration says. */
  karras?: boolean | undefined;
};

export type SchedulerChoice = Named & {
  steps: number;
  /**
   * Of image-to-image, above 0 and at most 1: of the steps, ⌊steps · strength⌋ are taken, the last ones.
   * Absent: all.
   */
  strength?: number | undefined;
  /**
   * Take all steps instead, spread over the noise levels that the strength leaves, where the algorithm
   * can: `lcm` and `tcd`.
   */
  spreadsSteps?: boolean | undefined;
  /** Draws the noise of ancestral and stochastic steps. */
  random: TorchGenerator;
  /** Share of noise in each step, 0 to 1: η of ddim (default 0), γ of tcd (default 0.3). */
  eta?: number | undefined;
  /** For flow-match-euler with `use_dynamic_shifting`: the shift for this picture's size. */
  mu?: number | undefined;
};

/** The scheduler that computed a picture, for a record of how it was made. */
export type SchedulerUsed = {
  /** As callers write it. */
  name: string;
  /** As diffusers calls it. */
  className: string;
  /** What the algorithm computes with: the model's, what the request chose, and defaults. */
  config: Readonly<Record<string, unknown>>;
};

/** @throws ModelError where there is no such scheduler, or it has no Karras noise levels */
export function resolveScheduler(config: SchedulerConfig, choice: Named): SchedulerUsed {
  const { name, algorithm, settings } = choose(config, choice);
  return {
    name,
    className: algorithm.className,
    config: settings as Readonly<Record<string, unknown>>,
  };
}

/** @throws ModelError where the choice, or the configuration behind it, is not to be computed */
export function createScheduler(config: SchedulerConfig, choice: SchedulerChoice): Scheduler {
  const { steps, strength = 1, random, eta, mu } = choice;
  const { algorithm, settings } = choose(config, choice);
  const trained = config.num_train_timesteps ?? 1000;
  if (!Number.isInteger(steps) || steps < 1 || steps > trained) {
    throw refusal(`steps is ${steps}`, `Ask for a whole number of steps from 1 to ${trained}`);
  }
  if (eta !== undefined && !(eta >= 0 && eta <= 1)) {
    throw refusal(`eta is ${eta}`, 'Ask for an eta from 0 to 1');
  }
  if (!(strength > 0 && strength <= 1)) {
    throw refusal(`strength ${strength} is no share of the steps`, STRENGTHS);
  }
  const { order } = algorithm;
  if (choice.spreadsSteps === true && algorithm.canSpreadSteps) {
    const run = { steps, begin: 0, strength, random, eta, mu };
    return { ...algorithm.create(settings, run), begin: 0, order };
  }
  const begin = skippedSteps(steps, strength) * order;
  return { ...algorithm.create(settings, { steps, begin, random, eta, mu }), begin, order };
}

function choose(config: SchedulerConfig, choice: Named) {
  const { name = nameOf(config), karras } = choice;
  const algorithm = algorithms.find((candidate) => candidate.name === name);
  if (algorithm === undefined) {
    throw refusal(`there is no scheduler ${name}`, `Choose one of ${names()}`);
  }
  if (karras === true && !algorithm.hasKarras) {
    throw refusal(
      `${name} has no Karras noise levels`,
      `Leave karras off, or choose one of ${names(({ hasKarras }) => hasKarras)}`,
    );
  }
  const settings = settingsOf(name, algorithm, {
    ...config,
    ...(karras !== undefined && { use_karras_sigmas: karras }),
    // Who asks for Karras's noise levels asks for them in place of others.
    ...(karras === true && {
      use_exponential_sigmas: undefined,
      use_beta_sigmas: undefined,
      use_lu_lambdas: undefined,
    }),
    ...(choice.name !== undefined && algorithm.forced),
  });
  return { name, algorithm, settings };
}

/** As diffusers' image-to-image pipelines count them. */
function skippedSteps(steps: number, strength: number): number {
  const taken = Math.floor(steps * strength);
  if (taken > 0) return steps - taken;
  throw refusal(
    `strength ${strength} leaves none of ${steps} steps`,
    `${STRENGTHS}, of which at least one step is left`,
  );
}

const STRENGTHS = 'Ask for a strength above 0 and at most 1';

function settingsOf(name: string, algorithm: Algorithm, config: SchedulerConfig): unknown {
  const result: z.ZodSafeParseResult<unknown> = algorithm.settings.safeParse(config);
  if (result.success) return result.data;
  throw new ModelError(
    'The scheduler cannot be used',
    `${name} does not compute these settings of the model: ${describeIssues(result.error, config)}`,
    'Choose another scheduler, or set these in scheduler/scheduler_config.json to values that the engine computes',
  );
}

function nameOf(config: SchedulerConfig): string {
  const className = config._class_name;
  for (const { name, ...algorithm } of algorithms) {
    if (algorithm.className === className && (algorithm.isOf?.(config) ?? true)) return name;
  }
  throw refusal(
    `the model's own scheduler is ${className ?? 'not named'}, which is not built in`,
    `Choose one of ${names()}`,
  );
}

const names = (filter: (algorithm: Algorithm) => boolean = () => true) =>
  algorithms
    .filter(filter)
    .map(({ name }) => name)
    .join(', ');

const refusal = (why: string, remedy: string) =>
  new ModelError('The scheduler cannot be used', why, remedy);
