const SIZE = 624;
const SHIFT = 397;

/** Words of an MT19937 generator and how many of them are used up. */
export type Mt19937State = { words: Uint32Array; index: number };

/**
 * Matsumoto and Nishimura's initialisation with the low 32 bits of a seed, as in torch
 * (aten/src/ATen/core/MT19937RNGEngine.h).
 */
export function seedMt19937(seed: number | bigint): Mt19937State {
  const words = new Uint32Array(SIZE);
  words[0] = Number(BigInt.asUintN(32, BigInt(seed)));
  for (let i = 1; i < SIZE; i++) {
    const previous = words[i - 1]!;
    words[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  return { words, index: SIZE };
}

/** The next 32 bits; advances `state`. */
export function nextUint32(state: Mt19937State): number {
  if (state.index === SIZE) twist(state);
  let y = state.words[state.index++]!;
  y ^= y >>> 11;
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return (y ^ (y >>> 18)) >>> 0;
}

function twist(state: Mt19937State): void {
  const { words } = state;
  for (let i = 0; i < SIZE; i++) {
    const y = (words[i]! & 0x80000000) | (words[(i + 1) % SIZE]! & 0x7fffffff);
    words[i] = words[(i + SHIFT) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
  state.index = 0;
}
