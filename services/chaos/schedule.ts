import { createRandom, type Random } from '@darkroom/testing';
import type { Fault, FaultKind } from './faults/fault.ts';

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
  return shuffle(random, drawn).map((kind, place) => ({
    kind: kind.name,
    target: random.pick(kind.targets),
    atSeconds: ((place + random.next()) / drawn.length) * seconds,
    forSeconds: random.between(...kind.seconds),
    chance: random.next(),
  }));
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
