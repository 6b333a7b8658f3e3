import {
  type AnyTRPCProcedure,
  getTRPCErrorFromUnknown,
  isTrackedEnvelope,
  TRPCError,
} from '@trpc/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requesterOf } from '../http/requester-of.ts';
import { dataEvent, errorEvent, RETURN, retryHint, startEventStream } from './event-stream.ts';
import { errorShape } from './trpc.ts';

/** Keeps proxies from closing a quiet stream, and lets clients notice a dead connection. */
const PING_MS = 10_000;
const CLIENT = { reconnectAfterInactivityMs: 30_000 };

/** When clients whose stream breaks off come again: not all at once, in milliseconds. */
const RETRY_MS = { least: 500, most: 2_500 };

/**
 * Answers a subscription as tRPC does, in the same bytes, at a fraction of the work: an event is
 * serialised once for all that are sent the same data, and written in one piece. tRPC's own producer
 * serialises for each subscriber, and passes each line through three streams.
 *
 * The procedure must yield `tracked` objects.
 */
export async function serveSubscription(options: {
  procedure: AnyTRPCProcedure;
  path: string;
  request: FastifyRequest;
  reply: FastifyReply;
  onError: (error: TRPCError) => void;
}): Promise<void> {
  const { procedure, path, request, reply, onError } = options;
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const ctx = requesterOf(request);
  reply.hijack();
  const stream = startEventStream(reply.raw, { pingMs: PING_MS, client: CLIENT });
  try {
    const events: AsyncIterable<unknown> = await procedure({
      path,
      ctx,
      type: 'subscription',
      getRawInput: async () => inputOf(request),
      input: undefined,
      signal: gone.signal,
      batchIndex: 0,
    });
    for await (const event of events) {
      if (!isTrackedEnvelope(event)) throw new TypeError(`${path} yields untracked events`);
      await stream.send(dataEvent(event[0], event[1] as object));
    }
    stream.end(RETURN);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') {
      const { least, most } = RETRY_MS;
      stream.end(retryHint(least + Math.random() * (most - least)));
      return;
    }
    const error = getTRPCErrorFromUnknown(cause);
    onError(error);
    stream.end(errorEvent(errorShape(error, path, ctx)));
  }
}

/** As tRPC reads it: the query's, with the last event's id by header or query. */
function inputOf(request: FastifyRequest): unknown {
  const query = request.query as Record<string, string | string[] | undefined>;
  const first = (value: string | string[] | undefined) => [value].flat()[0];
  const text = first(query.input);
  const input: unknown = text ? parse(text) : undefined;
  const lastEventId =
    first(request.headers['last-event-id']) ??
    first(query.lastEventId) ??
    first(query['Last-Event-Id']);
  if (!lastEventId) return input;
  if (input === undefined || input === null) return { lastEventId };
  return typeof input === 'object' && !Array.isArray(input) ? { ...input, lastEventId } : input;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TRPCError({ code: 'BAD_REQUEST', cause });
  }
}
