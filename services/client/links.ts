import type { AppRouter } from '@darkroom/frontend';
import { httpLink, httpSubscriptionLink, splitLink, type TRPCLink } from '@trpc/client';
import { EventSource } from 'eventsource';

/** Longest wait for the answer to a query or mutation, in milliseconds. */
const ANSWER_TIME_LIMIT_MS = 30_000;

/** Of the next request. */
export type Headers = () => Record<string, string>;

export const authorization = (apiKey: string | undefined): Record<string, string> =>
  apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };

/** Queries and mutations over HTTP, subscriptions over SSE; all with these headers. */
export function createLinks(url: string, headers: Headers): TRPCLink<AppRouter>[] {
  return [
    splitLink({
      condition: (operation) => operation.type === 'subscription',
      true: httpSubscriptionLink({
        url: `${url}/trpc`,
        EventSource,
        eventSourceOptions: {
          fetch: (address, init) =>
            fetch(address, { ...init, headers: { ...init.headers, ...headers() } }),
        },
      }),
      false: httpLink({
        url: `${url}/trpc`,
        headers,
        fetch: (address, init) => {
          const limit = AbortSignal.timeout(ANSWER_TIME_LIMIT_MS);
          const signal = init?.signal ? AbortSignal.any([init.signal, limit]) : limit;
          return fetch(address, { ...init, signal } as RequestInit);
        },
      }),
    }),
  ];
}
