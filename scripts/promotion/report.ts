import type { Plan } from './plan.ts';
import type { StepTime } from './progress.ts';

/** What has become of a promotion; goes with a change request. */
export type Report = {
  outcome: 'promoted' | 'nothing to do' | 'planned' | 'not approved' | 'taken back' | 'failed';
  plan: Plan;
  by: string;
  /** The provider that each model's canary ran on. */
  providers: Record<string, string>;
  steps: StepTime[];
  /** Why it was taken back. */
  reason?: string;
};
