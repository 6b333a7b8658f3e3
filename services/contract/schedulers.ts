import { z } from 'zod';

/** Scheduler names as callers write them; without one the model's `scheduler_config.json` decides. */
export const schedulerName = z.enum(['euler', 'euler-ancestral', 'ddim', 'dpmpp-2m']);
export type SchedulerName = z.infer<typeof schedulerName>;
