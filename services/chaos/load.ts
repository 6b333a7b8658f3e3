import { createRandom } from '@darkroom/testing';

/** One request of the load, drawn from the seed: what is asked, and what its caller does then. */
export type LoadRequest = {
  n: number;
  input: Record<string, unknown>;
  idempotencyKey: string;
  /** Milliseconds after it was accepted; absent for those that are left to run. */
  cancelAfterMs?: number;
  /** Followed by a watch, not by looking at the list. */
  watched: boolean;
};

const prompts = [
  'a large red star on a blue background',
  'a green circle left of a yellow square on white',
  'a small pink heart at the top left on black',
];

/** Requests that no frontend may take. */
const invalid = [{ steps: 100_000 }, { prompt: ' ' }, { model: 'no-such-model' }, { width: 63 }];

/** What the requests of a run ask for. */
export type LoadShape = {
  /** Each has so many, or one more, but for the long ones. */
  steps: number;
  /** The share of requests that have 20 to 150 steps instead. */
  long: number;
  /** Pictures of a long request. */
  longCount: number;
};

/** The built-in model takes 0.15 to 1.1 s for a picture of so many. */
const longSteps = [20, 50, 100, 150];

/**
 * Few different requests, so that many are the same and must come to the same bits. 2% are not
 * valid, 6% are canceled, 10% watched.
 */
export function drawLoad(seed: number, jobs: number, shape: LoadShape): LoadRequest[] {
  const { steps, long, longCount } = shape;
  const random = createRandom(seed, 'load');
  return Array.from({ length: jobs }, (_, n): LoadRequest => {
    const short = {
      prompt: random.pick(prompts),
      seed: Math.floor(random.between(0, 4)),
      steps: steps + Math.floor(random.between(0, 2)),
      count: random.next() < 0.2 ? 2 : 1,
    };
    const isLong = random.next() < long;
    const input = isLong ? { ...short, steps: random.pick(longSteps), count: longCount } : short;
    const chance = random.next();
    return {
      n,
      input: chance < 0.02 ? { ...input, ...random.pick(invalid) } : input,
      idempotencyKey: `chaos-${seed}-${n}`,
      ...(chance >= 0.02 && chance < 0.08 && { cancelAfterMs: random.between(0, 1_500) }),
      watched: chance >= 0.9,
    };
  });
}
