import { createRandom, type Random } from '@darkroom/testing';
import type { Fault, FaultKind } from './faults/fault.ts';

/** Between two faults at one target, where there is another target for the second. */
const BREATHING_SECONDS = 1;

/** The faults of a run, in order: the same for the same seed, spread evenly over `seconds`. */
export function drawFaults(options: {
  seed: number;
  faults: number;
  seconds: number;
  kinds: readonly FaultKind[];
}): Fault[] {
  const { seed, faults, seconds, kinds } = options;
  const random = createRandom(seed, 'faults');
  const drawn = shuffle(
    random,
    kinds.flatMap((kind) => Array.from({ length: kind.atLeast ?? 0 }, () => kind)),
  ).slice(0, faults);
  const often = kinds.filter(({ weight }) => weight > 0);
  while (often.length > 0 && drawn.length < faults) drawn.push(pickByWeight(random, often));
  const busyUntil = new Map<string, number>();
  return shuffle(random, drawn).map((kind, place) => {
    const atSeconds = ((place + random.next()) / drawn.length) * seconds;
    const forSeconds = drawSeconds(random, kind);
    // A fault waits for the one before it at its target, and all later ones wait with it.
    const free = kind.targets.filter((target) => (busyUntil.get(target) ?? 0) < atSeconds);
    const target = random.pick(free.length > 0 ? free : kind.targets);
    busyUntil.set(target, atSeconds + forSeconds + BREATHING_SECONDS);
    return { kind: kind.name, target, atSeconds, forSeconds, chance: random.next() };
  });
}

function drawSeconds(random: Random, { seconds, spread }: FaultKind): number {
  const [least, most] = seconds;
  if (spread !== 'logarithmic') return random.between(least, most);
  return least * (most / least) ** random.next();
}

function pickByWeight(random: Random, kinds: readonly FaultKind[]): FaultKind {
  let left = random.next() * kinds.reduce((sum, { weight }) => sum + weight, 0);
  for (const kind of kinds) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  return random.pick(kinds);
}

function shuffle<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
