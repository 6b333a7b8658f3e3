import type { DarkroomClient } from '@darkroom/client/source';
import { describe, expect, test } from 'vitest';
import { bake } from './bake.ts';
import type { Prometheus } from './prometheus.ts';

type Status = { ready: boolean; checks: { name: string; ready: boolean }[] };
type Figures = {
  requests?: Record<string, number>;
  errors?: Record<string, number>;
  deadLetters?: number;
  alerts?: string[];
};

const ready: Status = { ready: true, checks: [{ name: 'database', ready: true }] };
const noDatabase: Status = { ready: false, checks: [{ name: 'database', ready: false }] };

/** Gives each of the statuses, then the last again and again. */
function clientThatSays(...statuses: (Status | Error)[]): DarkroomClient {
  let asked = 0;
  const query = async () => {
    const status = statuses[Math.min(asked, statuses.length - 1)];
    asked += 1;
    if (status instanceof Error) throw status;
    return status;
  };
  return { system: { status: { query } } } as unknown as DarkroomClient;
}

/** Tells the figures of before the bake, then those of after it. */
function prometheusThatTells(before: Figures, after: Figures): Prometheus {
  const looks = new Map<string, number>();
  const series = (counts: Record<string, number> = {}) =>
    Object.entries(counts).map(([instance, value]) => ({ labels: { instance }, value }));
  return {
    query: async (expression) => {
      const look = looks.get(expression) ?? 0;
      looks.set(expression, look + 1);
      const { requests, errors, deadLetters = 0, alerts = [] } = look === 0 ? before : after;
      if (expression.includes('ALERTS')) {
        return alerts.map((alertname) => ({ labels: { alertname }, value: 1 }));
      }
      if (expression.includes('dead-letters')) return [{ labels: {}, value: deadLetters }];
      return series(expression.includes('5..') ? errors : requests);
    },
    close: () => {},
  };
}

const bakes = ({
  statuses = [ready],
  before = {},
  after = {},
  unreadyMs = 60_000,
}: {
  statuses?: (Status | Error)[];
  before?: Figures;
  after?: Figures;
  unreadyMs?: number;
} = {}) =>
  bake({
    client: clientThatSays(...statuses),
    prometheus: prometheusThatTells(before, after),
    seconds: 0,
    unreadyMs,
    tell: () => {},
    signal: new AbortController().signal,
  });

describe('a release that is looked at', () => {
  test('is well where it takes requests and nothing became worse', async () => {
    const figures = { requests: { a: 1_000 }, errors: { a: 9 }, deadLetters: 2, alerts: ['Old'] };
    await bakes({ before: figures, after: figures });
  });

  test.each([
    ['its database is away', noDatabase, /it takes no requests: database/],
    ['it does not answer', new Error('fetch failed'), /it takes no requests: fetch failed/],
  ])('is not where %s for too long', async (_, status, words) => {
    await expect(bakes({ statuses: [status], unreadyMs: 0 })).rejects.toThrow(words);
  });

  test('is looked at again where it took no requests at its last look', async () => {
    await bakes({ statuses: [noDatabase, ready] });
  });

  test('is not where more requests fail than its objective allows', async () => {
    const before = { requests: { a: 1_000, b: 50 }, errors: { a: 3 } };
    const after = { requests: { a: 1_300, b: 150 }, errors: { a: 5, b: 1 } };
    await expect(bakes({ before, after })).rejects.toThrow(/3 of 400 requests failed/);
  });

  test.each<[what: string, before: Figures, after: Figures]>([
    [
      'as few requests fail as its objective allows',
      { requests: { a: 0 }, errors: {} },
      { requests: { a: 1_000 }, errors: { a: 5 } },
    ],
    [
      'one of few requests fails',
      { requests: { a: 10 }, errors: {} },
      { requests: { a: 14 }, errors: { a: 1 } },
    ],
    [
      'a frontend goes, with all that it has counted',
      { requests: { a: 10, b: 90_000 }, errors: { b: 4 } },
      { requests: { a: 3_010 }, errors: { a: 7 } },
    ],
    [
      'a frontend starts anew',
      { requests: { a: 90_000 }, errors: { a: 100 } },
      { requests: { a: 2_000 }, errors: { a: 4 } },
    ],
  ])('is well where %s', (_, before, after) => bakes({ before, after }));

  test('is not where there are more dead letters, or an alert begins to fire', async () => {
    const before = { deadLetters: 1, alerts: ['Old'] };
    const after = { deadLetters: 3, alerts: ['Old', 'RecordAway'] };
    await expect(bakes({ before, after })).rejects.toThrow(
      /it became worse: 2 more dead letters; the alert RecordAway fires/,
    );
  });
});
