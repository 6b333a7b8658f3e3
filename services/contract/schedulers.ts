import { z } from 'zod';

/**
 * Every scheduler by the name that callers write, and whether it has Karras noise levels. The engine
 * takes the same names; without one the model's `scheduler_config.json` decides.
 */
export const schedulers = {
  euler: { karras: true },
  'euler-ancestral': { karras: false },
  heun: { karras: true },
  lms: { karras: true },
  ddim: { karras: false },
  ddpm: { karras: false },
  pndm: { karras: false },
  deis: { karras: true },
  unipc: { karras: true },
  'dpmpp-2m': { karras: true },
  'dpmpp-2m-sde': { karras: true },
  'dpmpp-single': { karras: true },
  kdpm2: { karras: true },
  'kdpm2-ancestral': { karras: true },
  lcm: { karras: false },
  tcd: { karras: false },
  'flow-match-euler': { karras: true },
} as const satisfies Record<string, { karras: boolean }>;

export type SchedulerName = keyof typeof schedulers;

const names = Object.keys(schedulers) as [SchedulerName, ...SchedulerName[]];

export const schedulerName = z.enum(names);

export const schedulersWithKarras: readonly SchedulerName[] = names.filter(
  (name) => schedulers[name].karras,
);
