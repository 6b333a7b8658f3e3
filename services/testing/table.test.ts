import { expect, it } from 'vitest';
import { table } from './table.ts';

it('aligns columns to the left unless told, two spaces apart, with nothing at the end', () => {
  expect(
    table(
      [
        ['name', 'size', 'note'],
        ['a', '12', ''],
        ['longer', '1,024', 'x'],
      ],
      ['left', 'right'],
    ),
  ).toEqual(['name     size  note', 'a          12', 'longer  1,024  x']);
});
