import { decode, encode } from 'fast-png';
import { expect, test } from 'vitest';
import { contactSheet } from './contact-sheet.ts';

/** A PNG of one colour, 2×1 pixels. */
const picture = (red: number, green: number, blue: number) =>
  encode({
    width: 2,
    height: 1,
    channels: 3,
    data: Uint8Array.of(red, green, blue, red, green, blue),
  });

test('lays the pictures out in rows, enlarged, on white', () => {
  const pictures = [picture(255, 0, 0), picture(0, 255, 0), picture(0, 0, 255)];
  const sheet = decode(contactSheet(pictures, { columns: 2, zoom: 2, gap: 1 }));
  expect([sheet.width, sheet.height]).toEqual([1 + 2 * (4 + 1), 1 + 2 * (2 + 1)]);

  const rows = Array.from({ length: sheet.height }, (_, y) =>
    Array.from({ length: sheet.width }, (_, x) => {
      const at = (y * sheet.width + x) * 3;
      const colour = [...sheet.data.slice(at, at + 3)].join();
      return { '255,0,0': 'r', '0,255,0': 'g', '0,0,255': 'b', '255,255,255': '.' }[colour];
    }).join(''),
  );
  expect(rows).toEqual([
    '...........',
    '.rrrr.gggg.',
    '.rrrr.gggg.',
    '...........',
    '.bbbb......',
    '.bbbb......',
    '...........',
  ]);
});

test('refuses to make a sheet of nothing', () => {
  expect(() => contactSheet([], { columns: 4, zoom: 1, gap: 0 })).toThrow(/at least one picture/);
});
