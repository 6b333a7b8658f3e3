import { z } from 'zod';

/** Why a generation ended `failed`. */
export const failureCode = z.enum([
  /** Its deadline passed while no worker was at it. */
  'EXPIRED',
  /** It was tried as often as allowed and ended every time with its worker. */
  'ATTEMPTS',
  /** The model folder cannot be loaded or does not fit the request. */
  'MODEL',
  /** The engine refused or failed; trying again would fail again. */
  'ENGINE',
]);
export type FailureCode = z.infer<typeof failureCode>;

/**
 * What callers of Darkroom's rooms may act on. The class says who acts: `request` is the caller's
 * to mend (4xx, exit 2), `unavailable` passes with time (503, exit 1), `configuration` is the
 * operator's (start refused, exit 1).
 */
export type ErrorKind = 'request' | 'not-found' | 'conflict' | 'unavailable' | 'configuration';

/** An error whose message may be shown: what happened, why, and what to do. */
export class DarkroomError extends Error {
  override readonly name = 'DarkroomError';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}
