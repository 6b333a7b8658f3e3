/** `numpy.linspace(start, stop, count)`. */
export function linspace(start: number, stop: number, count: number): Float64Array {
  if (count === 1) return Float64Array.of(start);
  const step = (stop - start) / (count - 1);
  const values = Float64Array.from({ length: count }, (_, i) => i * step + start);
  values[count - 1] = stop;
  return values;
}

/** `numpy.round`: halves go to the even neighbour, which `Math.round` does not do. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** `numpy.interp(x, arange(values.length), values)`: ends are held. */
export function interpolateAt(x: number, values: Float32Array): number {
  const last = values.length - 1;
  if (x <= 0) return values[0]!;
  if (x >= last) return values[last]!;
  const low = Math.floor(x);
  const slope = values[low + 1]! - values[low]!;
  return slope * (x - low) + values[low]!;
}
