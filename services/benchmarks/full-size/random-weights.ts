import { open } from 'node:fs/promises';

/** One tensor of a data file, float32, of a normal distribution. */
export type WeightsRow = readonly [
  byteOffset: number,
  values: number,
  mean: number,
  deviation: number,
];

/** Values drawn at once: a power of two, and four megabytes. */
const CHUNK = 1 << 20;
/** Normal draws that all weights are picked from: ten times as fast as drawing each of a billion. */
const TABLE = 1 << 16;

/**
 * Writes the weights of a network, megabytes at a time. The same seed gives the same bytes.
 *
 * @param rows in the order of their offsets; what lies between them is zero
 * @param onTensor called after each of them
 */
export async function writeRandomWeights(
  path: string,
  rows: readonly WeightsRow[],
  { seed, onTensor }: { seed: number; onTensor?: () => void },
): Promise<void> {
  await using file = await open(path, 'w');
  const fill = createFill(seed);
  const chunk = new Float32Array(CHUNK);
  for (const [byteOffset, values, mean, deviation] of rows) {
    for (let at = 0; at < values; at += CHUNK) {
      const part = chunk.subarray(0, Math.min(CHUNK, values - at));
      fill(part, mean, deviation);
      const bytes = new Uint8Array(part.buffer, 0, part.byteLength);
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, byteOffset + 4 * at);
      if (bytesWritten < bytes.length) throw new Error(`${path}: the disk is full`);
    }
    onTensor?.();
  }
}

/** How many bytes the file of such weights has. */
export const weightsBytes = (rows: readonly WeightsRow[]): number =>
  rows.reduce((end, [byteOffset, values]) => Math.max(end, byteOffset + 4 * values), 0);

function createFill(seed: number) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  // Marsaglia's xorshift with 32 bits.
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  // Box and Muller's transform.
  const table = new Float32Array(TABLE);
  for (let i = 0; i < TABLE; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32));
    const angle = (2 * Math.PI * next()) / 2 ** 32;
    table[i] = radius * Math.cos(angle);
    table[i + 1] = radius * Math.sin(angle);
  }
  return (into: Float32Array, mean: number, deviation: number): void => {
    if (deviation === 0) {
      into.fill(mean);
      return;
    }
    for (let i = 0; i < into.length; i++) into[i] = mean + deviation * table[next() % TABLE]!;
  };
}
