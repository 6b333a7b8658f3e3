import type { HostileRequest } from './requests.ts';

/** What one call of a request came to. */
export type Verdict = {
  procedure: string;
  /**
   * `passed` reached its procedure: answered, or refused only for what is or is not there. `busy` was
   * put off with a time to come again; it tells nothing of its input.
   */
  outcome: 'passed' | 'refused' | 'busy';
  /** Of its answer, if it has one. */
  data: unknown;
};

const PASSED = new Set(['NOT_FOUND', 'CONFLICT']);
const BUSY = new Set(['SERVICE_UNAVAILABLE', 'TOO_MANY_REQUESTS']);

/** Signs of the inside, none of which an answer may show. */
const INSIDE =
  /INTERNAL_SERVER_ERROR|node_modules|\n\s+at .+:\d+:\d+|\.ts:\d+|violates|syntax error at/;

const ALLOWED = new Set([200, 207, 400, 401, 403, 404, 405, 409, 413, 414, 415, 429, 431, 503]);

type Answer = {
  result?: { data?: unknown };
  error?: { message?: unknown; data?: { code?: string; httpStatus?: number } };
};

/** An answer as it came. */
export type Answered = { status: number; text: string; isStream: boolean; retryAfter: boolean };

/**
 * What came of each call.
 *
 * @throws Error when an answer is none that any request may have
 */
export function judge(
  { procedures }: Pick<HostileRequest, 'procedures'>,
  { status, text, isStream, retryAfter }: Answered,
): Verdict[] {
  if (!ALLOWED.has(status)) throw new Error(`status ${status}: ${text.slice(0, 500)}`);
  if (/"code":"(SERVICE_UNAVAILABLE|TOO_MANY_REQUESTS)"/.test(text) && !retryAfter && !isStream) {
    throw new Error(`no Retry-After: ${text.slice(0, 500)}`);
  }
  const inside = INSIDE.exec(text);
  if (inside !== null) throw new Error(`shows its inside (${inside[0]}): ${text.slice(0, 500)}`);
  if (isStream) {
    const data = /^data: (\{"id":.*\})$/m.exec(text)?.[1];
    const missing = text.includes('"code":"NOT_FOUND"');
    return procedures.map((procedure) => ({
      procedure,
      outcome: data !== undefined || missing ? 'passed' : 'refused',
      data: data && JSON.parse(data),
    }));
  }
  const answers = answersOf(text);
  return procedures.map((procedure, index) => {
    const { result, error } = answers[index] ?? answers[0] ?? {};
    const code = error?.data?.code ?? '';
    const unknown = String(error?.message).startsWith('No procedure found');
    const passed = result !== undefined || (PASSED.has(code) && !unknown);
    const outcome = passed ? 'passed' : BUSY.has(code) ? 'busy' : 'refused';
    return { procedure, outcome, data: result?.data };
  });
}

function answersOf(text: string): Answer[] {
  // Node's own answer to what is no HTTP, and tRPC's stream of a batch, are no JSON documents.
  if (text === '' || /^\{[^\n]*\}\n/.test(text)) return [];
  const body: unknown = JSON.parse(text);
  return (Array.isArray(body) ? body : [body]) as Answer[];
}
