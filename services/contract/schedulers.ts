import { z } from 'zod';

/**
 * Every scheduler by the name that callers write, and whether it has Karras noise levels. The engine
 * takes the same names; without one the model's `scheduler_config.json` decides.
 */
export const schedulers = {
  euler: { karras: true },
  'euler-ancestral': { karras: false },
  ddim: { karras: false },
  'dpmpp-2m': { karras: true },
} as const satisfies Record<string, { karras: boolean }>;

export type SchedulerName = keyof typeof schedulers;

const names = Object.keys(schedulers) as [SchedulerName, ...SchedulerName[]];

export const schedulerName = z.enum(names);

export const schedulersWithKarras: readonly SchedulerName[] = names.filter(
  (name) => schedulers[name].karras,
);
