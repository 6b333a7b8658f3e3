import { expect } from 'vitest';
import { type Health, healthOf } from '../health.ts';

/** What an object does, by its status and what else it has; by that name a test is told. */
export type HealthCase = [
  what: string,
  state: Health['state'],
  message: RegExp,
  status: object,
  more?: object,
];

/** Of an object of the kind, in its second generation. */
export const health = (kind: string, status: object | undefined, more: object = {}): Health =>
  healthOf({
    apiVersion: 'v1',
    kind,
    metadata: { name: 'a', generation: 2 } as { name: string },
    ...more,
    ...(status && { status }),
  });

/** Looks at a case of the kind. */
export const checkHealth =
  (kind: string) =>
  (...[_, state, message, status, more]: HealthCase): void => {
    const found = health(kind, status, more);
    expect(found).toEqual({ state, message: expect.stringMatching(message) });
  };
