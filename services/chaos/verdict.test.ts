import type { Generation } from '@darkroom/client/source';
import { expect, test } from 'vitest';
import type { Facts } from './facts.ts';
import type { LedgerEntry } from './ledger.ts';
import { judge } from './verdict.ts';

const finishedAt = '2026-01-01T00:00:09.000Z';

/** A success of one picture, whose digest is its seed's. */
function success(id: string, seed = 7): Generation {
  const sha256 = `digest-${seed}`;
  return {
    id,
    state: 'succeeded',
    request: {
      ...{ model: 'pinhole', prompt: 'a star', negativePrompt: '', seed, steps: 1 },
      ...{ guidanceScale: 1, width: 64, height: 64, count: 1 },
    },
    progress: { step: 1, steps: 1 },
    attempt: 1,
    images: [{ url: `/images/${id}/0-${sha256}.png`, sha256, width: 64, height: 64, seed }],
    error: null,
    timings: { queuedMs: 1, modelLoadMs: 0, inferenceMs: 1, storeMs: 1 },
    createdAt: '2026-01-01T00:00:08.000Z',
    finishedAt,
    cancelRequested: false,
  } as Generation;
}

const canceled = (id: string): Generation => ({ ...success(id), state: 'canceled', images: [] });

const sent = (n: number): LedgerEntry => ({ type: 'sent', n, at: 1_000 + n });
const accepted = (n: number, id: string): LedgerEntry => ({
  ...{ type: 'accepted', n, at: 2_000, id },
  createdAt: new Date(2_000).toISOString(),
});
const seen = (id: string, state: string, sha256: string[] = []): LedgerEntry => ({
  ...{ type: 'seen', at: 3_000 },
  generation: { id, state, finishedAt, sha256 },
});

/** Two successes and a canceled request, all as promised. */
function kept(): Facts {
  const generations = [success('a'), success('b', 8), canceled('c')];
  const images = generations.flatMap((generation) => generation.images);
  return {
    ledger: [
      ...[sent(0), sent(1), sent(2), sent(3)],
      ...[accepted(0, 'a'), accepted(1, 'b'), accepted(2, 'c')],
      { type: 'refused', n: 3, at: 2_000, status: 400 },
      ...[seen('a', 'succeeded', ['digest-7']), seen('c', 'canceled')],
    ],
    generations,
    fetched: new Map(images.map(({ url, sha256 }) => [url, sha256])),
    objects: images.map(({ url }) => ({ key: url.replace('/images', 'default'), at: 2_500 })),
  };
}

/** What the verdict says of these facts, each breach as `promise: what`. */
const breachesOf = (facts: Facts): string[] =>
  judge(facts).breaches.map(({ promise, what }) => `${promise}: ${what}`);

test('promises that were kept are counted and nothing else', () => {
  expect(judge(kept())).toEqual({
    ...{ sent: 4, accepted: 3, refused: 1, afterBackup: 0, breaches: [] },
    ...{ toCollect: 0, internalErrors: 0 },
    ended: { succeeded: 2, canceled: 1 },
  });
});

test('a run that accepted nothing has shown nothing', () => {
  const nothing = { ledger: [], generations: [], fetched: new Map(), objects: [] };
  expect(breachesOf(nothing)).toEqual(['lost: nothing was accepted, so nothing was shown']);
});

test.each<[string, (facts: Facts) => Partial<Facts>, string]>([
  [
    'accepted and unknown',
    ({ generations, objects }) => ({
      generations: generations.slice(1),
      objects: objects.slice(1),
    }),
    'lost: request 0 was accepted as a, which the API does not know',
  ],
  [
    'a success without one of its pictures',
    ({ generations, objects }) => ({
      generations: generations.map((one) => (one.id === 'a' ? { ...one, images: [] } : one)),
      objects: objects.slice(1),
      ledger: kept().ledger.filter(({ type }) => type !== 'seen'),
    }),
    'lost: a succeeded with 0 pictures of 1',
  ],
  [
    'a picture that is not there',
    ({ fetched }) => ({ fetched: new Map([...fetched].slice(1)) }),
    'lost: a succeeded and /images/a/0-digest-7.png is not there',
  ],
  [
    'a damaged picture',
    ({ fetched }) => ({ fetched: new Map(fetched).set('/images/a/0-digest-7.png', 'other') }),
    'lost: a names digest-7, and /images/a/0-digest-7.png has other',
  ],
  [
    'other bits for the same request',
    ({ generations }) => ({
      generations: generations.map((one) =>
        one.id === 'b' ? { ...one, request: success('a').request } : one,
      ),
    }),
    'lost: b has other bits than the same request before it',
  ],
  [
    'a key accepted under two ids',
    ({ ledger }) => ({ ledger: [...ledger, accepted(0, 'b')] }),
    'twice: request 0 was accepted as a and as b',
  ],
  [
    'a generation that nobody was told of',
    ({ generations }) => ({ generations: [...generations, canceled('d')] }),
    'twice: d (canceled) was accepted by nobody',
  ],
  [
    'an end that was left for another',
    ({ ledger }) => ({ ledger: [...ledger, seen('b', 'canceled')] }),
    'twice: b was canceled and is succeeded now',
  ],
  [
    'an end that came a second time',
    ({ generations }) => ({
      generations: generations.map((one) =>
        one.id === 'c' ? { ...one, finishedAt: '2026-01-01T00:00:10.000Z' } : one,
      ),
    }),
    `twice: c was canceled and ended again: at ${finishedAt}, then at 2026-01-01T00:00:10.000Z`,
  ],
  [
    'other pictures than were seen',
    ({ ledger }) => ({ ledger: [...ledger, seen('b', 'succeeded', ['digest-9'])] }),
    'twice: b was succeeded and has other pictures now',
  ],
  [
    'a second set of pictures',
    ({ objects }) => ({ objects: [...objects, { key: 'default/a/0-digest-9.png', at: 2_500 }] }),
    'twice: default/a/0-digest-9.png is named by nothing, beside the pictures of a success',
  ],
  [
    'a picture of no generation',
    ({ objects }) => ({ objects: [...objects, { key: 'default/x/0-digest-7.png', at: 2_500 }] }),
    'left over: default/x/0-digest-7.png is of no generation that there is',
  ],
  [
    'no answer',
    ({ ledger }) => ({ ledger: [...ledger, sent(9)] }),
    'stuck: request 9 was never answered',
  ],
  [
    'no end',
    ({ generations, ledger }) => ({
      generations: generations.map((one) =>
        one.id === 'c' ? { ...one, state: 'running', finishedAt: null } : one,
      ),
      ledger: ledger.filter(({ type }) => type !== 'seen'),
    }),
    'stuck: c is still running',
  ],
])('%s is a breach', (_, change, breach) => {
  const facts = kept();
  expect(breachesOf({ ...facts, ...change(facts) })).toContain(breach);
});

test('what lost attempts stored goes with its generation, and is counted', () => {
  const facts = kept();
  const objects = ['c/0-digest-7.png', 'a/checkpoint-1'].map((key) => ({
    ...{ key: `default/${key}`, at: 2_500 },
  }));
  const verdict = judge({ ...facts, objects: [...facts.objects, ...objects] });
  expect(verdict).toMatchObject({ toCollect: 2, breaches: [] });
});

test('what was accepted after the backup may go with a restore, what was accepted before may not', () => {
  const facts = kept();
  const generations = facts.generations.slice(1);
  const without = { ...facts, generations };
  const afterBackup = judge({ ...without, restored: { to: 1_500, from: 2_400 } });
  expect(afterBackup).toMatchObject({ afterBackup: 1 });
  // Its picture was written after the restore by a worker that had begun before.
  expect(afterBackup.breaches).toEqual([]);
  // Object stores tell the second alone.
  const toTheSecond = without.objects.map((object) => ({ ...object, at: 1_000 }));
  const { breaches } = judge({
    ...without,
    objects: toTheSecond,
    restored: { to: 1_500, from: 2_400 },
  });
  expect(breaches).toEqual([]);
  const beforeBackup = { ...without, restored: { to: 2_100, from: 2_400 } };
  expect(breachesOf(beforeBackup)).toContain(
    'lost: request 0 was accepted as a, which the API does not know',
  );
});
