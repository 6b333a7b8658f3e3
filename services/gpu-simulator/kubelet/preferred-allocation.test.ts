import { expect, test } from 'vitest';
import { preferredAllocation } from './preferred-allocation.ts';

const request = (available: string[], size: number, include: string[] = []) => ({
  available_deviceIDs: available,
  must_include_deviceIDs: include,
  allocation_size: size,
});

test('spreads over the devices, the least shared first', () => {
  const available = ['a::1', 'b::0', 'b::1', 'c::0', 'c::1'];
  expect(preferredAllocation(request(available, 1))).toEqual(['b::0']);
  expect(preferredAllocation(request(available, 3))).toEqual(['b::0', 'c::0', 'a::1']);
});

test('takes what it must, and fills up from the others', () => {
  const available = ['a', 'b', 'c'];
  expect(preferredAllocation(request(available, 2, ['c']))).toEqual(['c', 'a']);
  expect(preferredAllocation(request(available, 1, ['c']))).toEqual(['c']);
});

test('refuses a size that cannot be had', () => {
  expect(() => preferredAllocation(request(['a'], 2))).toThrow('2 devices were asked for');
  expect(() => preferredAllocation(request(['a', 'b'], 1, ['a', 'b']))).toThrow(RangeError);
});
