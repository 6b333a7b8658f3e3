import { expect, it } from 'vitest';
import { createKeyRing } from './key-ring.ts';
import { newKey } from './new-key.ts';

const made = (id: string, over: { tenant?: string; notAfter?: string } = {}) =>
  newKey({ id, tenant: 'acme', scopes: ['generations:read'], ...over });

it('makes keys of 256 random bits that their entries do not tell', () => {
  const { key, entry } = made('a');
  expect(key).toMatch(/^dk_[\w-]{43}$/);
  expect(JSON.stringify(entry)).not.toContain(key);
  expect(made('a').key).not.toBe(key);
});

it('finds a key by its text alone', () => {
  const ring = createKeyRing();
  const [first, second] = [made('first'), made('second')];
  ring.replace([first.entry, second.entry]);
  expect(ring.find(first.key)?.entry).toEqual(first.entry);
  expect(ring.find(second.key)?.entry).toEqual(second.entry);
  for (const wrong of ['', 'dk_', first.entry.sha256, `${first.key}x`, first.key.slice(0, -1)]) {
    expect(ring.find(wrong)).toBeUndefined();
  }
});

it('revokes what a new file lacks or changes, and leaves the others without a gap', () => {
  const ring = createKeyRing();
  const [kept, gone, moved] = [made('kept'), made('gone'), made('moved')];
  ring.replace([kept.entry, gone.entry, moved.entry]);
  const before = [kept, gone, moved].map(({ key }) => ring.find(key)?.revoked);
  ring.replace([{ ...kept.entry }, { ...moved.entry, tenant: 'other' }]);
  expect(before.map((signal) => signal?.aborted)).toEqual([false, true, true]);
  expect(ring.find(gone.key)).toBeUndefined();
  expect(ring.find(moved.key)).toMatchObject({
    entry: { tenant: 'other' },
    revoked: { aborted: false },
  });
});

it('ends a key at its time', () => {
  let now = Date.parse('2030-01-01T00:00:00Z');
  const ring = createKeyRing(() => now);
  const { key, entry } = made('short', { notAfter: '2030-01-01T00:00:01Z' });
  ring.replace([entry]);
  const held = ring.find(key);
  ring.expire();
  expect(held?.revoked.aborted).toBe(false);
  now += 1_000;
  expect(ring.find(key)).toBeUndefined();
  ring.expire();
  expect(held?.revoked.aborted).toBe(true);
});
