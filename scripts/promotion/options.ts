import type { Plan } from './plan.ts';

/** What a promotion is asked for. */
export type PromoteOptions = {
  /** The folder of all environments. */
  environments: string;
  to: string;
  /** The environment whose release goes on; or `release`, the folder of one that enters. */
  from?: string | undefined;
  release?: string | undefined;
  /** Where the folders of releases are, by name. */
  releases: string;
  /** go-containerregistry's program. */
  crane: string;
  dryRun: boolean;
  /** Takes fields over that others own. */
  forceConflicts: boolean;
  /** Also a release that was rejected here before. */
  retry: boolean;
  note: (line: string) => void;
  /** Shows the plan, and whether it is approved. */
  approve: (plan: Plan) => Promise<boolean>;
  signal: AbortSignal;
};
