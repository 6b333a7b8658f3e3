import { z } from 'zod';

/** Why a generation ended `failed`. */
export const failureCode = z.enum([
  /** Its deadline passed while no worker was at it. */
  'EXPIRED',
  /** It was tried as often as allowed and ended every time with its worker. */
  'ATTEMPTS',
  /** The model folder cannot be loaded or does not fit the request. */
  'MODEL',
  /** A picture that the request names is gone, or cannot be decoded. */
  'INPUT',
  /** The engine failed twice, in two processes; trying again would fail again. */
  'ENGINE',
]);
export type FailureCode = z.infer<typeof failureCode>;

/**
 * What callers of Darkroom's rooms may act on. The class says who acts: `request` is the caller's
 * to fix (4xx, exit 2), `unauthenticated` (401) and `forbidden` (403) need another key, `too-many`
 * (429) and `unavailable` (503) pass with time (exit 1), `damaged` (502) is what the object store
 * returned in another form than it was given, `configuration` is the operator's (503, start refused,
 * exit 1).
 */
export type ErrorKind =
  | 'request'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'too-many'
  | 'unavailable'
  | 'damaged'
  | 'configuration';

/** An error whose message says what happened, why, and what to do. */
export class DarkroomError extends Error {
  override readonly name = 'DarkroomError';
  readonly kind: ErrorKind;
  /** When to come again, in seconds, where that is known. */
  readonly retryAfterS: number | undefined;
  /**
   * Whether callers of the API may read the message. Without it they may not where a dependency
   * failed or an operator must act, because those messages name hosts, files and credentials; the
   * log has them.
   */
  readonly expose: boolean;

  constructor(
    kind: ErrorKind,
    message: string,
    options?: { cause?: unknown; retryAfterS?: number; expose?: boolean },
  ) {
    super(message, options);
    this.kind = kind;
    this.retryAfterS = options?.retryAfterS;
    this.expose = options?.expose ?? (kind !== 'unavailable' && kind !== 'configuration');
  }
}
