import { type DecodedPng, decode } from 'fast-png';

/** How far two pictures' 8-bit values are apart. */
export type PictureDifference = {
  /** Of 255. */
  largest: number;
  /** Of all values those that differ, 0 to 1. */
  share: number;
};

const shape = ({ width, height, channels, depth }: DecodedPng) =>
  [width, height, channels, depth].join();

/** Of two PNG files' pixels; all there is where they have other sizes or channels. */
export function pictureDifference(one: Uint8Array, other: Uint8Array): PictureDifference {
  if (Buffer.from(one).equals(Buffer.from(other))) return { largest: 0, share: 0 };
  const [a, b] = [decode(one), decode(other)];
  if (shape(a) !== shape(b)) return { largest: 255, share: 1 };
  let largest = 0;
  let differing = 0;
  for (let i = 0; i < a.data.length; i++) {
    const apart = Math.abs((a.data[i] ?? 0) - (b.data[i] ?? 0));
    if (apart > 0) differing += 1;
    if (apart > largest) largest = apart;
  }
  return { largest, share: differing / a.data.length };
}
