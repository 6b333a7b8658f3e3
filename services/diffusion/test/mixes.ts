import { expect } from 'vitest';
import type { PictureRequest, Pipeline } from '../pipelines/pipeline.ts';
import { nextUint32, seedMt19937 } from '../random/mt19937.ts';

const schedulers = [
  ...['euler', 'euler-ancestral', 'heun', 'lms', 'ddim', 'ddpm', 'pndm', 'deis', 'unipc'],
  ...['dpmpp-2m', 'dpmpp-2m-sde', 'dpmpp-single', 'kdpm2', 'kdpm2-ancestral', 'lcm', 'tcd'],
];
const prompts = [
  ...['a red star', 'a large blue ring on green', 'a small cross below a circle', ''],
  'a red star above a blue ring on green. '.repeat(6),
];

type Together = { request: PictureRequest; pixels: Float32Array };

/**
 * Makes random mixes of two to six pictures, which join one another's runs at random steps and leave
 * them when they are done, some of them stopped on the way, and holds each picture against the one
 * that the same request gives alone.
 *
 * @returns how many pictures there were, and how many were bit-equal before they were clamped
 */
export async function compareWithAlone(
  pipeline: Pipeline,
  options: { mixes: number; seed: number },
): Promise<{ pictures: number; equal: number }> {
  const engine = seedMt19937(options.seed);
  const below = (count: number) => nextUint32(engine) % count;
  const pick = <T>(items: readonly T[]): T => items[below(items.length)]!;
  let pictures = 0;
  let equal = 0;
  for (let mix = 0; mix < options.mixes; mix++) {
    for (const { request, pixels } of await makeTogether(pipeline, below, pick)) {
      const alone = await pipeline.decode(request);
      pictures += 1;
      if (Buffer.from(alone.buffer).equals(Buffer.from(pixels.buffer))) equal += 1;
      expect(levelsApart(pixels, alone), JSON.stringify(request)).toBeLessThanOrEqual(1);
    }
  }
  return { pictures, equal };
}

async function makeTogether(
  pipeline: Pipeline,
  below: (count: number) => number,
  pick: <T>(items: readonly T[]) => T,
): Promise<Together[]> {
  const requests = Array.from({ length: 2 + below(5) }, () => ({
    request: {
      prompt: pick(prompts),
      negativePrompt: pick(['', 'blue']),
      longPrompt: pick(['truncate', 'chunks'] as const),
      seed: below(2 ** 31),
      // As few as every scheduler can do.
      steps: 4 + below(4),
      guidanceScale: pick([1, 1.5, 4]),
      scheduler: pick(schedulers),
      width: pick([32, 64]),
      height: 64,
    },
    /** Begins when the one before has made so many calls. */
    after: below(4),
    stops: below(6) === 0,
  }));
  const running: Promise<Together | undefined>[] = [];
  const begin = (i: number): void => {
    const next = requests[i];
    if (next === undefined) return;
    const stop = new AbortController();
    let calls = 0;
    let hasBegunNext = false;
    const beginNext = () => {
      if (hasBegunNext) return;
      hasBegunNext = true;
      begin(i + 1);
    };
    const onStep = () => {
      calls += 1;
      if (calls === next.after) beginNext();
      if (calls === 2 && next.stops) stop.abort();
    };
    const made = pipeline
      .decode(next.request, { onStep, signal: stop.signal })
      .then((pixels) => ({ request: next.request, pixels }))
      .catch((error: unknown) => {
        if (error !== stop.signal.reason) throw error;
        return undefined;
      })
      .finally(beginNext);
    running.push(made);
    if (next.after === 0) beginNext();
  };
  begin(0);
  const made: Together[] = [];
  // Grows while it is gone through.
  for (const each of running) {
    const picture = await each;
    if (picture !== undefined) made.push(picture);
  }
  return made;
}

/** The largest difference of two decodings as 8-bit values. */
export function levelsApart(a: Float32Array, b: Float32Array): number {
  const level = (value: number) => Math.round(Math.min(Math.max(value / 2 + 0.5, 0), 1) * 255);
  let apart = 0;
  for (let i = 0; i < a.length; i++) apart = Math.max(apart, Math.abs(level(a[i]!) - level(b[i]!)));
  return apart;
}
