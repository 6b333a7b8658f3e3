import type { StepName } from './plan.ts';
import { stepNames } from './plan.ts';

/** How long each step took, for the report. */
export type StepTime = { step: string; seconds: number };

export type Progress = {
  /** Does a step of the plan: tells that it begins, every so often how far it is, and how long it took. */
  step<T>(name: StepName, work: (tell: (what: string) => void) => Promise<T>): Promise<T>;
  /** Does what comes before or after the plan, told in the same way. */
  other<T>(name: string, work: (tell: (what: string) => void) => Promise<T>): Promise<T>;
  times: StepTime[];
};

const TELL_MS = 10_000;

/** @param note where the lines go */
export function createProgress(note: (line: string) => void): Progress {
  const times: StepTime[] = [];
  const run = async <T>(
    step: string,
    shown: string,
    work: (tell: (what: string) => void) => Promise<T>,
  ): Promise<T> => {
    const began = performance.now();
    const seconds = () => Math.round((performance.now() - began) / 100) / 10;
    let latest = '';
    note(`promote: ${shown}`);
    const timer = setInterval(() => {
      note(`promote: … ${step}${latest && `: ${latest}`} (${seconds()} s)`);
    }, TELL_MS);
    try {
      return await work((what) => {
        latest = what;
      });
    } finally {
      clearInterval(timer);
      times.push({ step, seconds: seconds() });
    }
  };
  return {
    step: (name, work) =>
      run(name, `[${stepNames.indexOf(name) + 1}/${stepNames.length}] ${name}`, work),
    other: (name, work) => run(name, name, work),
    times,
  };
}
