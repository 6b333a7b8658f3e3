import { S3ServiceException } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { s3Error } from './s3-error.ts';

const where = { endpoint: 'http://store:7070', bucket: 'pictures' };

const answer = (httpStatusCode: number, name: string) =>
  new S3ServiceException({ name, $fault: 'client', $metadata: { httpStatusCode } });

test.each([
  [403, 'AccessDenied', 'AWS_ACCESS_KEY_ID'],
  [403, 'NameOfAnotherStore', 'AWS_ACCESS_KEY_ID'],
  [401, 'Unauthorized', 'AWS_ACCESS_KEY_ID'],
  [400, 'ExpiredToken', 'renew them'],
  [400, 'InvalidToken', 'session token'],
  [403, 'RequestTimeTooSkewed', 'clocks'],
  [400, 'AuthorizationHeaderMalformed', 'AWS_REGION'],
  [301, 'PermanentRedirect', 'S3_ENDPOINT and AWS_REGION'],
  [301, 'UnknownError', 'S3_ENDPOINT and AWS_REGION'],
  [404, 'NoSuchBucket', 'S3_BUCKET'],
])('%i %s is for the operator to correct: %s', (status, name, remedy) => {
  const error = s3Error('read a/b', where, answer(status, name));
  expect(error.kind).toBe('configuration');
  expect(error.message).toContain('cannot read a/b in bucket pictures at http://store:7070: ');
  expect(error.message).toContain(remedy);
});

test('credentials that the SDK cannot find are for the operator to provide', () => {
  const cause = Object.assign(new Error('no providers'), { name: 'CredentialsProviderError' });
  expect(s3Error('read a/b', where, cause)).toMatchObject({
    kind: 'configuration',
    message: expect.stringContaining('there are no credentials'),
  });
});

test.each([
  [500, 'InternalError'],
  [503, 'SlowDown'],
  [507, 'InsufficientStorage'],
])('%i %s passes with time', (status, name) => {
  expect(s3Error('read a/b', where, answer(status, name))).toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining(`the store answers ${status} ${name}`),
  });
});
