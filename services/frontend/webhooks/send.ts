import { DarkroomError } from '@darkroom/contract';
import { Agent, request } from 'undici';
import { NotPublicError, publicLookup, type Resolve } from './public-lookup.ts';
import { retryAfterMs } from './retry-after.ts';
import { parseTarget, type TargetPolicy } from './target.ts';

/** What came of one attempt. */
export type Answer = {
  /** HTTP status; null where no answer came. */
  status: number | null;
  /** Why it does not count as delivered; null where it does. */
  error: string | null;
  /** How long the receiver asks to be left alone, in milliseconds. */
  retryAfterMs?: number;
};

export type Sender = {
  /** Never throws. */
  send(url: string, headers: Record<string, string>, body: string): Promise<Answer>;
  close(): Promise<void>;
};

/** For an attempt as a whole, from the name's resolution to the end of the answer. */
const TIMEOUT_MS = 10_000;

/** Of an answer's body, which is passed over. */
const MAX_ANSWER_BYTES = 16 * 1024;

/**
 * Posts to receivers that strangers name: to public addresses alone, judged as they are connected
 * to, without following redirects and without reading more than a little of what they answer.
 */
export function createSender(
  policy: TargetPolicy,
  { resolve, timeoutMs = TIMEOUT_MS }: { resolve?: Resolve; timeoutMs?: number } = {},
): Sender {
  const agent = new Agent({
    // A connection each: none is kept beyond the look at its address.
    pipelining: 0,
    maxHeaderSize: MAX_ANSWER_BYTES,
    connect: policy.allowPrivate ? {} : { lookup: publicLookup(resolve) },
  });

  return {
    async send(url, headers, body) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const answer = await request(parseTarget(url, policy), {
          dispatcher: agent,
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'darkroom' },
          body,
          signal,
        });
        // Whatever becomes of the body, the status has been told.
        await answer.body.dump({ limit: MAX_ANSWER_BYTES, signal }).catch(() => {});
        const outcome = judge(answer.statusCode);
        const asked = outcome.error === null ? undefined : retryAfterMs(answer.headers);
        return asked === undefined ? outcome : { ...outcome, retryAfterMs: asked };
      } catch (error) {
        return { status: null, error: signal.aborted ? noAnswer(timeoutMs) : reasonOf(error) };
      }
    },
    close: () => agent.close(),
  };
}

const noAnswer = (timeoutMs: number): string => `no answer within ${timeoutMs / 1_000} s`;

function judge(status: number): Answer {
  if (status >= 200 && status < 300) return { status, error: null };
  const redirects = status >= 300 && status < 400 ? '; redirects are not followed' : '';
  return { status, error: `it answered ${status}${redirects}` };
}

function reasonOf(error: unknown): string {
  if (error instanceof NotPublicError || error instanceof DarkroomError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  return `no answer: ${code ?? message}`.slice(0, 200);
}
