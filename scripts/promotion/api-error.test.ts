import { expect, test } from 'vitest';
import { CommandFailure } from '../commands/failure.ts';
import { ApiError, explained, isPassing, statusOf, wordsOf } from './api-error.ts';

test("the API server's words, reason and causes are kept", () => {
  const causes = [
    { reason: 'FieldManagerConflict', message: 'conflict with "hpa"', field: '.spec.replicas' },
  ];
  const status = {
    kind: 'Status',
    message: 'Apply failed',
    reason: 'Conflict',
    details: { causes },
  };
  const error = new ApiError(409, statusOf(JSON.stringify(status)));
  expect(error).toMatchObject({ status: 409, message: 'Apply failed', reason: 'Conflict', causes });
});

test.each([
  ['text', 'upstream connect error\n', 'upstream connect error'],
  ['nothing', '', 'the API server answers 502'],
  ['a long page', '<html>'.repeat(1_000), '<html>'.repeat(50)],
  ['null', 'null', 'null'],
  ['a status that says nothing', '{"kind":"Status"}', 'the API server answers 502'],
])('an answer that is %s is an error with words, too', (_, content, message) => {
  expect(new ApiError(502, statusOf(content)).message).toBe(message);
});

test.each([
  [429, true],
  [500, true],
  [503, true],
  [400, false],
  [404, false],
  [409, false],
  [422, false],
])('after %i, asked again: %s', (status, again) => {
  expect(isPassing(new ApiError(status, {}))).toBe(again);
});

test('missing credentials and missing rights say what to do', () => {
  const expired = explained(new ApiError(401, { message: 'Unauthorized' }), 'production');
  expect(expired).toBeInstanceOf(CommandFailure);
  expect(expired.message).toMatch(
    /production does not take .* \(Unauthorized\).*log in to the cluster/,
  );
  const forbidden = explained(new ApiError(403, { message: 'pods is forbidden' }), 'production');
  expect(forbidden).toBeInstanceOf(CommandFailure);
  expect(forbidden.message).toMatch(
    /production does not allow it: pods is forbidden; docs\/promotion\.md/,
  );
});

test('what the caller handles stays as it is', () => {
  const conflict = new ApiError(409, { message: 'Apply failed' });
  expect(explained(conflict, 'production')).toBe(conflict);
});

test('of an error the innermost cause is told', () => {
  const refused = new Error('connect ECONNREFUSED 127.0.0.1:6443');
  expect(
    wordsOf(new TypeError('fetch failed', { cause: new Error('outer', { cause: refused }) })),
  ).toBe(refused.message);
});
