import { DarkroomError } from '@darkroom/contract';

/** What was asked for, for messages. */
export type Asked = {
  /** Of the hub, such as `https://huggingface.co`. */
  endpoint: string;
  /** `ORG/NAME` */
  repository: string;
  revision: string;
  /** Absent: the repository itself. */
  path?: string;
  hasToken: boolean;
};

/** Longest pause that a hub may ask for, in seconds, before it counts as an answer to give up on. */
const LONGEST_PAUSE_S = 60;

/** What an answer of the hub that is none of 2xx means, and what to do. */
export function refusal(response: Response, asked: Asked): DarkroomError {
  const { endpoint, repository, revision, hasToken } = asked;
  const { status } = response;
  const code = response.headers.get('x-error-code');
  const page = `${endpoint}/${repository}`;
  const said = readable(response.headers.get('x-error-message'));
  const what = asked.path === undefined ? repository : `${asked.path} of ${repository}`;
  if (code === 'GatedRepo' || status === 403) {
    const remedy = hasToken
      ? 'accept its terms there with the account of HF_TOKEN, and see that the token may read it'
      : 'accept its terms there, and set HF_TOKEN to a token of that account';
    const message = `${page} gives ${what} only to those it has let in (${status}${said}); ${remedy}`;
    return new DarkroomError('forbidden', message);
  }
  if (status === 401) {
    const message = hasToken
      ? `${endpoint} does not take the token in HF_TOKEN (401${said}); make one at ${endpoint}/settings/tokens, or unset it`
      : `${endpoint} shows nobody ${what} without a token (401${said}); check the name, and for a private model set HF_TOKEN`;
    return new DarkroomError('unauthenticated', message);
  }
  if (status === 404) return new DarkroomError('not-found', notFound(asked, code));
  if (status === 429) {
    const retryAfterS = Number(response.headers.get('retry-after') ?? Number.NaN);
    const message = `${endpoint} takes no more requests from here for now (429${said}); try again later, or set HF_TOKEN`;
    return retryAfterS <= LONGEST_PAUSE_S
      ? new DarkroomError('too-many', message, { retryAfterS })
      : new DarkroomError('too-many', message);
  }
  if (status === 416) {
    const message = `${page} has fewer bytes of ${what} than it lists; pull again, or name another revision`;
    return new DarkroomError('damaged', message);
  }
  if (status === 408 || status >= 500) {
    const message = `${endpoint} failed to give ${what} (${status}${said}); try again later`;
    return new DarkroomError('unavailable', message);
  }
  return new DarkroomError(
    'configuration',
    `${response.url} answered ${status}${said} for revision ${revision} of ${what}; see that HF_ENDPOINT is a Hugging Face-compatible hub`,
  );
}

function notFound({ endpoint, repository, revision, path, hasToken }: Asked, code: string | null) {
  const page = `${endpoint}/${repository}`;
  if (path !== undefined) {
    return `${page} lists ${path} at ${revision} and does not have it (404); try again later, or name another revision`;
  }
  if (code === 'RevisionNotFound') {
    return `${page} has no revision ${JSON.stringify(revision)} (404); name a branch, a tag or a commit of it after @`;
  }
  const hidden = hasToken
    ? 'and that the token in HF_TOKEN may read it'
    : 'or set HF_TOKEN if it is private';
  return `${endpoint} has no model ${repository} (404); check the name, ${hidden}`;
}

/** What a server says, without anything that a terminal would obey. */
const readable = (text: string | null): string =>
  text === null || text === '' ? '' : `: ${text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 300)}`;
