import type { Cluster } from '../cluster.ts';

/** One fault of a run's plan: plain data, drawn before anything starts. */
export type Fault = {
  kind: string;
  target: string;
  /** Since the load began. */
  atSeconds: number;
  /** Until it is fixed. */
  forSeconds: number;
  /** Uniform in [0, 1): whatever else a kind leaves to chance. */
  chance: number;
};

/** A way in which things break. */
export type FaultKind = {
  name: string;
  /** How often it is drawn, beside the others. */
  weight: number;
  /** It comes so often in any run that has room for it. @default 0 */
  atLeast?: number;
  targets: readonly string[];
  /** Shortest and longest, in seconds. */
  seconds: readonly [number, number];
  /** Logarithmic: as many from 50 to 500 ms as from 0.5 to 5 s. @default 'even' */
  spread?: 'even' | 'logarithmic';
  /** Why it cannot be had here, if so. */
  unavailable?(cluster: Cluster): Promise<string | undefined>;
  /** Breaks it; what is returned fixes it. */
  inject(cluster: Cluster, fault: Fault): Promise<() => Promise<void>>;
};

export const nothingToMend = async (): Promise<void> => {};
