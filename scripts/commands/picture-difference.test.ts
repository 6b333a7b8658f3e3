import { encode } from 'fast-png';
import { expect, test } from 'vitest';
import { pictureDifference } from './picture-difference.ts';

/** A PNG, by default of 2×1 pixels. */
const picture = (values: number[], { width = 2, height = 1, channels = 3 } = {}) =>
  encode({ width, height, channels, data: Uint8Array.from(values) });
const one = picture([10, 20, 30, 40, 50, 60]);
const none = { largest: 0, share: 0 };
const all = { largest: 255, share: 1 };

test('is none of the same pixels, whatever their bytes', () => {
  expect(pictureDifference(one, one)).toEqual(none);
  const zlib = { level: 0 } as const;
  const stored = encode(
    { width: 2, height: 1, channels: 3, data: Uint8Array.of(10, 20, 30, 40, 50, 60) },
    { zlib },
  );
  expect(stored).not.toEqual(one);
  expect(pictureDifference(one, stored)).toEqual(none);
});

test('is the largest of its values, in both directions, and the share of those that differ', () => {
  const other = picture([12, 20, 30, 33, 50, 61]);
  expect(pictureDifference(one, other)).toEqual({ largest: 7, share: 0.5 });
  expect(pictureDifference(other, one)).toEqual({ largest: 7, share: 0.5 });
});

test('is all there is where they have other sizes or channels', () => {
  expect(pictureDifference(one, picture([10, 20, 30], { width: 1 }))).toEqual(all);
  const upright = picture([10, 20, 30, 40, 50, 60], { width: 1, height: 2 });
  expect(pictureDifference(one, upright)).toEqual(all);
  const black = Array.from({ length: 24 }, () => 0);
  const colours = picture(black, { width: 2, height: 4 });
  const transparent = picture(black, { width: 2, height: 3, channels: 4 });
  expect(pictureDifference(colours, transparent)).toEqual(all);
});
