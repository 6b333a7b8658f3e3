import type { LookupAddress } from 'node:dns';
import { expect, it } from 'vitest';
import { publicLookup } from './public-lookup.ts';

const addresses: LookupAddress[] = [
  { address: '2606:4700::6810:84e5', family: 6 },
  { address: '8.8.8.8', family: 4 },
];

const lookUp = (found: LookupAddress[], options: { all?: boolean }) =>
  new Promise<unknown[]>((resolve) => {
    publicLookup(async () => found)('hook.example', options, (...answer) => resolve(answer));
  });

it('gives a socket the very addresses that it looked at', async () => {
  expect(await lookUp(addresses, { all: true })).toEqual([null, addresses]);
});

it('gives the first to a socket that takes one', async () => {
  expect(await lookUp(addresses, {})).toEqual([null, '2606:4700::6810:84e5', 6]);
});

it('gives none when one is not public', async () => {
  const [error] = await lookUp([...addresses, { address: '10.0.0.1', family: 4 }], { all: true });
  expect(String(error)).toContain('does not resolve to a public address');
});

it('gives none when the name servers know none', async () => {
  const unknown = publicLookup(async () => {
    throw new Error('ENOTFOUND');
  });
  const error = await new Promise((resolve) => unknown('hook.example', { all: true }, resolve));
  expect(String(error)).toContain('does not resolve to a public address');
});
