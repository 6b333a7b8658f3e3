import { z } from 'zod';

/** Scheduler names as callers write them; without one the model's `scheduler_config.json` decides. */
export const schedulerNames = ['euler', 'euler-ancestral', 'ddim', 'dpmpp-2m'] as const;

export const schedulerName = z.enum(schedulerNames);
export type SchedulerName = z.infer<typeof schedulerName>;
