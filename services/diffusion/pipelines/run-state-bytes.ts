import { ModelError } from '../model-error.ts';
import type { RunState } from './run-state.ts';

/** The layout's name and version. A reader knows one; what was saved in another is started over. */
const MAGIC = 'DRSTATE1';

/** Words of MT19937's state. */
const WORDS = 624;

/** Far above what any scheduler remembers; bounds what a damaged length can ask for. */
const LONGEST_HISTORY = 16;

/** In front: the name, a float64 and six words. */
const HEAD = MAGIC.length + 8 + 6 * 4;

/**
 * A run state as bytes, to the bit: name, cached normal (float64), step, steps, latents' length, index
 * and whether there is a cached normal, history's length; then the lengths of the history's arrays,
 * the generator's words, the latents, the history. Little-endian, as is every machine that the
 * runtime runs on.
 */
export function encodeRunState(state: RunState): Uint8Array {
  const { random, latents, history } = state;
  const { cachedNormal } = random;
  const head = new DataView(new ArrayBuffer(HEAD));
  for (const [at, char] of [...MAGIC].entries()) head.setUint8(at, char.charCodeAt(0));
  head.setFloat64(MAGIC.length, cachedNormal ?? 0, true);
  const words = [
    state.step,
    state.steps,
    latents.length,
    random.index,
    cachedNormal === null ? 0 : 1,
    history.length,
  ];
  for (const [at, word] of words.entries()) head.setUint32(MAGIC.length + 8 + 4 * at, word, true);
  const lengths = Uint32Array.from(history, ({ length }) => length);
  return concatenate([head, lengths, random.words, latents, ...history]);
}

/** @throws ModelError for anything but what `encodeRunState` of this version has made */
export function decodeRunState(bytes: Uint8Array): RunState {
  if (bytes.length < HEAD) throw unreadable('it is cut short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const name = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (name !== MAGIC) throw unreadable('it is of another version, or none');
  const word = (nth: number) => view.getUint32(MAGIC.length + 8 + 4 * nth, true);
  const [step, steps, size, index, isCached, arrays] = [0, 1, 2, 3, 4, 5].map(word) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (step < 1 || step > steps || index > WORDS || isCached > 1 || arrays > LONGEST_HISTORY) {
    throw unreadable('its numbers are out of range');
  }
  const arraysAt = HEAD + 4 * arrays;
  if (bytes.length < arraysAt) throw unreadable('it is cut short');
  const lengths = Array.from({ length: arrays }, (_, nth) => view.getUint32(HEAD + 4 * nth, true));
  const count = WORDS + size + lengths.reduce((sum, length) => sum + length, 0);
  if (bytes.length !== arraysAt + 4 * count) throw unreadable('its length is not what it says');

  // A copy begins where the arrays' alignment asks, wherever the bytes lay. A Buffer's own `slice`
  // would not copy.
  const { buffer } = new Uint8Array(bytes.subarray(arraysAt));
  let at = 0;
  const floats = (length: number): Float32Array => {
    const array = new Float32Array(buffer, at, length);
    at += array.byteLength;
    return array;
  };
  const words = new Uint32Array(buffer, at, WORDS);
  at += words.byteLength;
  const latents = floats(size);
  const history = lengths.map(floats);
  const cachedNormal = isCached === 1 ? view.getFloat64(MAGIC.length, true) : null;
  for (const array of [latents, ...history]) {
    if (!array.every(Number.isFinite)) throw unreadable('it holds values that are not numbers');
  }
  return { step, steps, latents, random: { words, index, cachedNormal }, history };
}

const unreadable = (why: string) =>
  new ModelError('The saved run state cannot be used', why, 'Start the run over');

function concatenate(parts: readonly ArrayBufferView[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    whole.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return whole;
}
