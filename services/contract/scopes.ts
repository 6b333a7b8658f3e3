import { z } from 'zod';

/** What an API key may do. `models.list` needs any key, the probes and `/metrics` none. */
export const scope = z.enum([
  /** `generations.create`, `cancel`, `delete`, `redrive`. */
  'generations:write',
  /** `generations.get`, `list`, `watch`, and the pictures. */
  'generations:read',
  /** `system.status` and `system.evidence`, for operators: both report on every tenant's generations. */
  'system:read',
]);
export type Scope = z.infer<typeof scope>;
