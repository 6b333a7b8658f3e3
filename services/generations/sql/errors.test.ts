import { DarkroomError } from '@darkroom/contract';
import { expect, test } from 'vitest';
import { explain } from './errors.ts';

const withCode = (code: string, message = 'because') => Object.assign(new Error(message), { code });

test.each([
  [new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), 'password'],
  [withCode('28P01'), 'password'],
  [withCode('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'), 'sslmode'],
  [withCode('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in chain'), 'sslmode'],
  [new Error('The server does not support SSL connections'), 'sslmode'],
])('%s is for the operator to fix: %s', (error, remedy) => {
  const explained = explain(error);
  expect(explained).toMatchObject({ kind: 'configuration', cause: error });
  expect((explained as DarkroomError).message).toContain(error.message);
  expect((explained as DarkroomError).message).toContain(remedy);
});

test.each([
  withCode('ECONNREFUSED'),
  withCode('25006', 'cannot execute INSERT in a read-only transaction'),
  withCode('57P01'),
  withCode('57P02'),
  withCode('57P03', 'the database system is shutting down'),
  new Error('Connection terminated'),
  new Error('timeout exceeded when trying to connect'),
])('%s passes with time', (error) => {
  expect(explain(error)).toMatchObject({ kind: 'unavailable', cause: error });
});

test('what is a fault of ours, or explained already, passes unchanged', () => {
  const fault = new TypeError('x is not a function');
  expect(explain(fault)).toBe(fault);
  const told = new DarkroomError('conflict', 'told');
  expect(explain(told)).toBe(told);
});
