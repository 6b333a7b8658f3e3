/** Tells what is done and how long it took, while it is done. */
export type Steps = {
  /** Does one step: tells its name, then every `TELL_MS` that it still goes on, then its time. */
  step<T>(name: string, work: (tell: (what: string) => void) => Promise<T>): Promise<T>;
  /** Tells what is no step of its own. */
  say(line: string): void;
};

const TELL_MS = 15_000;

/** @param note where the lines go */
export function createSteps(note: (line: string) => void): Steps {
  return {
    say: (line) => note(`cluster: ${line}`),
    step: async (name, work) => {
      const began = performance.now();
      const seconds = () => `${((performance.now() - began) / 1_000).toFixed(1)} s`;
      let latest = '';
      const timer = setInterval(() => {
        note(`cluster: … ${name}${latest && `: ${latest}`} (${seconds()})`);
      }, TELL_MS);
      try {
        const result = await work((what) => {
          latest = what;
        });
        note(`cluster: ${name} (${seconds()})`);
        return result;
      } catch (error) {
        note(`cluster: ${name} failed after ${seconds()}`);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
  };
}
