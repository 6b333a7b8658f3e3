import { describe, expect, test } from 'vitest';
import {
  currentOf,
  type History,
  interruptedOf,
  isSame,
  lockDigest,
  objectsDigest,
  previousOf,
  recorded,
  rejectedFor,
  rejectionOf,
} from './record.ts';
import { entry } from './testing/history.ts';

const states = (history: History) => history.map(({ release, state }) => `${release} ${state}`);

describe('what is recorded', () => {
  test('comes first, and takes the place of what was known of the same release', () => {
    const history = recorded(
      [entry('2', 'applying'), entry('1', 'verified')],
      entry('2', 'verified'),
    );
    expect(states(history)).toEqual(['2 verified', '1 replaced']);
    const bound = { objects: 'sha256:other' };
    expect(states(recorded(history, entry('2', 'applying', bound)))).toEqual([
      '2 applying',
      '2 verified',
      '1 replaced',
    ]);
  });

  test('changes no history that somebody holds', () => {
    const history = [entry('1', 'verified')];
    recorded(history, entry('2', 'verified'));
    expect(states(history)).toEqual(['1 verified']);
  });

  test('leaves nothing of an interrupted promotion once another is applied or runs', () => {
    const history = [entry('2', 'applying'), entry('1', 'verified')];
    expect(states(recorded(history, entry('3', 'applying')))).toEqual(['3 applying', '1 verified']);
    expect(states(recorded(history, entry('1', 'verified')))).toEqual(['1 verified']);
  });

  test('leaves what runs where it is rejected', () => {
    const history = [entry('2', 'applying'), entry('1', 'verified')];
    const rejected = recorded(history, rejectedFor(entry('2', 'applying'), 'it crashes'));
    expect(states(rejected)).toEqual(['2 rejected', '1 verified']);
    expect(rejected[0]).toMatchObject({ reason: 'it crashes', endedAt: expect.any(String) });
  });

  test('goes back ten releases', () => {
    const names = Array.from({ length: 12 }, (_, index) => String(index + 1));
    const history = names.reduce<History>(
      (all, name) => recorded(all, entry(name, 'verified')),
      [],
    );
    expect(history.map(({ release }) => release)).toEqual(names.slice(2).reverse());
  });

  test('loses neither what runs nor what came before it to any number of rejected ones', () => {
    const names = Array.from({ length: 12 }, (_, index) => `bad-${index}`);
    const history = names.reduce<History>(
      (all, name) => recorded(recorded(all, entry(name, 'applying')), entry(name, 'rejected')),
      [entry('2', 'verified'), entry('1', 'replaced'), entry('0', 'replaced')],
    );
    expect(history).toHaveLength(12);
    expect(currentOf(history)?.release).toBe('2');
    expect(previousOf(history)?.release).toBe('1');
  });
});

test('what runs, what came before, and what was interrupted are found by their states', () => {
  const history = [
    entry('4', 'applying'),
    entry('3', 'verified'),
    entry('2', 'replaced'),
    entry('1', 'replaced'),
  ];
  expect(currentOf(history)?.release).toBe('3');
  expect(previousOf(history)?.release).toBe('2');
  expect(interruptedOf(history)?.release).toBe('4');
  const rejected = [entry('1', 'rejected')];
  expect([currentOf, previousOf, interruptedOf].map((of) => of(rejected))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

describe('a rejection', () => {
  const lock = 'sha256:1';

  test('is of the lock, whatever the release is called', () => {
    const renamed = entry('other', 'rejected', { lock, reason: 'it crashes' });
    expect(rejectionOf([renamed], lock)?.reason).toBe('it crashes');
    expect(rejectionOf([entry('2', 'rejected')], lock)).toBeUndefined();
  });

  test.each(['verified', 'replaced'] as const)(
    'is of the bindings where the release is %s with others',
    (state) => {
      const worked = entry('1', state, { objects: 'sha256:earlier' });
      expect(rejectionOf([entry('1', 'rejected'), worked], lock)).toBeUndefined();
    },
  );
});

describe('digests', () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };

  test('are of content: the same gives the same, another layer another', () => {
    const digest = objectsDigest({ infrastructure: [object], apps: [] });
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(objectsDigest({ infrastructure: [{ ...object }], apps: [] })).toBe(digest);
    expect(objectsDigest({ infrastructure: [], apps: [object] })).not.toBe(digest);
  });

  test("are of a lock's bytes as they lie in its folder", () => {
    // printf '{\n  "format": 1\n}\n' | sha256sum
    const sum = '4ae3f0c00241cb6269312ab8e0c5a39ef219ff0c9df43821a958cb78ea5d5287';
    expect(lockDigest({ format: 1 } as never)).toBe(`sha256:${sum}`);
  });

  test('tell releases apart together: the lock and what was bound', () => {
    const bound = { lock: 'a', objects: 'b' };
    expect(isSame(bound, { ...bound })).toBe(true);
    expect(isSame(bound, { ...bound, lock: 'c' })).toBe(false);
    expect(isSame(bound, { ...bound, objects: 'c' })).toBe(false);
  });
});
