import { expect, it } from 'vitest';
import { plainHeaders } from './plain-headers.ts';

it('keeps texts and whole numbers, and tells the rest as JSON', () => {
  expect(plainHeaders({ text: 'é', count: -7, float: 0.5, huge: -1e308, none: null })).toEqual({
    text: 'é',
    count: -7,
    float: '0.5',
    huge: '-1e+308',
    none: 'null',
  });
  expect(plainHeaders({ 'x-death': [{ count: 1 }], when: { '!': 'timestamp', value: 1 } })).toEqual(
    {
      'x-death': '[{"count":1}]',
      when: '{"!":"timestamp","value":1}',
    },
  );
});

it('takes what JSON has no word for', () => {
  expect(plainHeaders({ big: 7n, nothing: undefined })).toEqual({ big: '7', nothing: 'undefined' });
  expect(plainHeaders(undefined)).toEqual({});
});

it('leaves room for a reason', () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i, 'x'.repeat(10_000)]));
  expect(JSON.stringify(plainHeaders(many)).length).toBeLessThan(32_000);
});
