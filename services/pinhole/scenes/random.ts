/** A number in [0, 1). */
export type Random = () => number;

/** mulberry32: 32 bits of state, the same numbers on every machine. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('pick: the list is empty');
  return item;
}

/** The first word half of the time, so that synonyms are known but not the rule. */
export function pickFavouringFirst<T>(random: Random, items: readonly T[]): T {
  const [first] = items;
  return first !== undefined && random() < 0.5 ? first : pick(random, items);
}

export function between(random: Random, low: number, high: number): number {
  return low + random() * (high - low);
}

/** FNV-1a, 32 bits: a hash that will never change under a model already trained. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}
