import { expect, test } from 'vitest';
import { checkGates, type GateFacts } from './gates.ts';
import { entry } from './testing/history.ts';

const HOUR = 3_600_000;
const ended = Date.parse('2026-01-01T12:00:00.000Z');
const now = ended + HOUR;

const well: GateFacts = {
  lock: 'sha256:2',
  release: '2',
  source: {
    target: { name: 'staging' },
    history: [entry('2', 'verified'), entry('1', 'replaced')],
    now,
  },
  target: {
    target: { name: 'production', accepts: ['staging'], soakSeconds: 3_600 },
    history: [entry('1', 'verified')],
    now,
  },
  now,
};
type Part = 'source' | 'target';
const withPart = (part: Part, changed: object): GateFacts => ({
  ...well,
  [part]: { ...well[part], ...changed },
});
const ofTarget = (changed: object) =>
  withPart('target', { target: { ...well.target.target, ...changed } });
const entering: GateFacts = { ...ofTarget({ accepts: [] }), source: undefined };

test('nothing is refused that was verified where it comes from, for long enough', () => {
  expect(checkGates(well)).toEqual([]);
});

test('nothing is refused that enters where releases enter', () => {
  expect(checkGates(entering)).toEqual([]);
});

const at = (seconds: number): GateFacts => ({
  ...withPart('source', { now: ended + seconds * 1_000 }),
  now: ended + seconds * 1_000,
  target: { ...well.target, now: ended + seconds * 1_000 },
});

test.each<[what: string, facts: GateFacts, check: string, problem: RegExp, remedy: RegExp]>([
  [
    'a release that would enter where releases come from another',
    { ...well, source: undefined },
    'origin',
    /takes releases from staging alone/,
    /darkroom promote --from staging --to production/,
  ],
  [
    'one from an environment that is not accepted',
    ofTarget({ accepts: ['canary', 'qa'] }),
    'origin',
    /takes nothing from staging/,
    /promote from canary, qa, or add it there/,
  ],
  [
    'one from anywhere, where releases enter',
    ofTarget({ accepts: [] }),
    'origin',
    /takes nothing from staging/,
    /promote from a release folder \(--release\)/,
  ],
  [
    'another than the source runs',
    { ...well, lock: 'sha256:3', release: '3' },
    'verified',
    /staging runs 2, not 3 with the lock sha256:3/,
    /the release that staging runs/,
  ],
  [
    'one of the same name with another lock',
    { ...well, lock: 'sha256:other' },
    'verified',
    /staging runs 2, not 2 with the lock sha256:other/,
    /the release that staging runs/,
  ],
  [
    'one that the source does not run any more',
    withPart('source', { history: [entry('3', 'verified'), entry('2', 'replaced')] }),
    'verified',
    /staging runs 3, not 2/,
    /the release that staging runs/,
  ],
  [
    'any from a source that runs none',
    withPart('source', { history: [] }),
    'verified',
    /staging runs no release/,
    /promote what was seen working/,
  ],
  [
    'any from a source whose own promotion was interrupted',
    withPart('source', { history: [entry('3', 'applying'), entry('2', 'verified')] }),
    'verified',
    /a promotion of 3 to staging was interrupted/,
    /run it again to its end/,
  ],
  [
    'one that has not run for long enough',
    at(3_000),
    'soak',
    /asks for 3600 s, and 2 has run in staging for 3000 s/,
    /wait for 600 s more/,
  ],
  ['one a second early', at(3_599), 'soak', /for 3599 s/, /wait for 1 s more/],
  [
    'one that was rejected here',
    withPart('target', { history: [entry('2', 'rejected', { reason: 'it crashes' })] }),
    'rejected',
    /2 was rejected by production at 2026-01-01T12:00:00.000Z: it crashes/,
    /build another release/,
  ],
  [
    "any where the target's clock is behind",
    withPart('target', { now: now - 61_000 }),
    'clocks',
    /the clock of production is -61 s from this machine's/,
    /NTP/,
  ],
  [
    "any where the source's clock is ahead",
    withPart('source', { now: now + 90_000 }),
    'clocks',
    /the clock of staging is 90 s/,
    /NTP/,
  ],
])('refused is %s', (_, facts, check, problem, remedy) => {
  expect(checkGates(facts)).toMatchObject([
    { check, problem: expect.stringMatching(problem), remedy: expect.stringMatching(remedy) },
  ]);
});

test('a soak time is over to the second, and clocks may differ by a minute', () => {
  expect(checkGates(at(3_600))).toEqual([]);
  expect(checkGates(withPart('target', { now: now + 60_000 }))).toEqual([]);
});

test('a field of target.yaml that refuses is named', () => {
  expect(checkGates({ ...well, source: undefined })).toMatchObject([
    { object: 'production/target.yaml', field: 'accepts' },
  ]);
  expect(checkGates(at(1))).toMatchObject([
    { object: 'production/target.yaml', field: 'soakSeconds' },
  ]);
});

test('what was rejected with other bindings, and works with its present ones, is not refused', () => {
  const history = [entry('2', 'rejected', { objects: 'sha256:other' }), entry('2', 'verified')];
  expect(checkGates(withPart('target', { history }))).toEqual([]);
});

test('all that speaks against it is told together', () => {
  const facts = {
    ...withPart('target', { history: [entry('2', 'rejected')], now: now + 2 * HOUR }),
    now,
    lock: 'sha256:2',
  };
  const found = checkGates({
    ...facts,
    target: {
      ...facts.target,
      target: { ...well.target.target, accepts: ['qa'], soakSeconds: 7_200 },
    },
  });
  expect(found.map(({ check }) => check)).toEqual(['origin', 'soak', 'rejected', 'clocks']);
});
