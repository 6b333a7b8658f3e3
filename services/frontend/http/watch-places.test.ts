import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { createWatchPlaces } from './watch-places.ts';

const unlimited = { limitsOf: () => undefined };
const answer = () => new EventEmitter() as unknown as ServerResponse;

it('bounds the watches of the replica, whosever they are, and gives places back', () => {
  const places = createWatchPlaces(unlimited, 2);
  const first = answer();
  places.take('acme', first);
  places.take('other', answer());
  for (const tenant of ['acme', 'other', 'third']) {
    expect(() => places.take(tenant, answer())).toThrow('no more watches fit in this replica');
  }
  first.emit('close');
  places.take('third', answer());
  expect(() => places.take('acme', answer())).toThrow('no more watches');
});

it('bounds the watches of one tenant and leaves the others theirs', () => {
  const limits = { requestsPerMinute: 1, active: 1, watches: 1 };
  const places = createWatchPlaces({
    limitsOf: (tenant) => (tenant === 'acme' ? limits : undefined),
  });
  const own = answer();
  places.take('acme', own);
  expect(() => places.take('acme', answer())).toThrow('1 watches are open, at most 1 are allowed');
  places.take('other', answer());
  places.take('other', answer());
  own.emit('close');
  places.take('acme', answer());
});
