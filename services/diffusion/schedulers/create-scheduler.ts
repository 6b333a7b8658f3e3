import { ModelError } from '../model-error.ts';
import type { TorchGenerator } from '../random/torch-generator.ts';
import { createDdim } from './ddim.ts';
import { createDpmpp2m } from './dpmpp-2m.ts';
import { createEuler } from './euler.ts';
import { createEulerAncestral } from './euler-ancestral.ts';
import type { Scheduler } from './scheduler.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

type Algorithm = {
  /** What `scheduler_config.json` calls it. */
  className: string;
  hasKarras: boolean;
  create: (config: SchedulerConfig, steps: number, random: TorchGenerator) => Scheduler;
};

/** Every algorithm by the name that callers write. */
const algorithms: Readonly<Record<string, Algorithm>> = {
  euler: { className: 'EulerDiscreteScheduler', hasKarras: true, create: createEuler },
  'euler-ancestral': {
    className: 'EulerAncestralDiscreteScheduler',
    hasKarras: false,
    create: createEulerAncestral,
  },
  ddim: { className: 'DDIMScheduler', hasKarras: false, create: createDdim },
  'dpmpp-2m': { className: 'DPMSolverMultistepScheduler', hasKarras: true, create: createDpmpp2m },
};

type Named = {
  /** Absent: the class that the configuration names. */
  name?: string | undefined;
  /** Absent: what the configuration says. */
  karras?: boolean | undefined;
};

export type SchedulerChoice = Named & {
  steps: number;
  /** Draws the noise of ancestral steps. */
  random: TorchGenerator;
};

/** The scheduler that computed a picture, for a record of how it was made. */
export type SchedulerUsed = {
  /** As callers write it. */
  name: string;
  /** As diffusers calls it. */
  className: string;
  /** With what the request chose and with defaults. */
  config: SchedulerConfig;
};

/** @throws ModelError where there is no such scheduler, or it has no Karras noise levels */
export function resolveScheduler(config: SchedulerConfig, choice: Named): SchedulerUsed {
  const { name, algorithm, chosen } = choose(config, choice);
  return { name, className: algorithm.className, config: chosen };
}

/** @throws ModelError where the choice, or the configuration behind it, is not to be computed */
export function createScheduler(config: SchedulerConfig, choice: SchedulerChoice): Scheduler {
  const { steps } = choice;
  const { algorithm, chosen } = choose(config, choice);
  const trained = config.num_train_timesteps;
  if (!Number.isInteger(steps) || steps < 1 || steps > trained) {
    throw refusal(`steps is ${steps}`, `Ask for a whole number of steps from 1 to ${trained}`);
  }
  return algorithm.create(chosen, steps, choice.random);
}

function choose(config: SchedulerConfig, { name = nameOf(config), karras }: Named) {
  const algorithm = Object.hasOwn(algorithms, name) ? algorithms[name] : undefined;
  if (algorithm === undefined) {
    throw refusal(`there is no scheduler ${name}`, `Choose one of ${names()}`);
  }
  if (karras === true && !algorithm.hasKarras) {
    throw refusal(
      `${name} has no Karras noise levels`,
      `Leave karras off, or choose one of ${names(({ hasKarras }) => hasKarras)}`,
    );
  }
  const chosen = karras === undefined ? config : { ...config, use_karras_sigmas: karras };
  return { name, algorithm, chosen };
}

function nameOf(config: SchedulerConfig): string {
  const className = config._class_name;
  for (const [name, algorithm] of Object.entries(algorithms)) {
    if (algorithm.className === className) return name;
  }
  throw refusal(
    `the model's own scheduler is ${className ?? 'not named'}, which is not built in`,
    `Choose one of ${names()}`,
  );
}

const names = (filter: (algorithm: Algorithm) => boolean = () => true) =>
  Object.keys(algorithms)
    .filter((name) => filter(algorithms[name] as Algorithm))
    .join(', ');

const refusal = (why: string, remedy: string) =>
  new ModelError('The scheduler cannot be used', why, remedy);
