import type { ServerResponse } from 'node:http';

/** One answer as a stream of events in tRPC's format, to one reader. */
export type EventStream = {
  /**
   * Resolves when the reader can take more, or is gone. Who waits for it before the next event has
   * one event in memory for a slow reader, however long it is slow.
   */
  send(chunk: Buffer): Promise<void>;
  end(chunk: Buffer): void;
};

/** An event as tRPC's own producer writes it. */
const event = (fields: string): Buffer => Buffer.from(`${fields}\n\n\n`);

const PING = event('event: ping\ndata: ');

/** After it the client does not come again. */
export const RETURN = event('event: return\ndata: ');

export const errorEvent = (shape: unknown): Buffer =>
  event(`event: serialized-error\ndata: ${JSON.stringify(shape)}`);

/** No event, but when a client whose stream ends now is to come again, in milliseconds. */
export const retryHint = (ms: number): Buffer => Buffer.from(`retry: ${Math.round(ms)}\n\n`);

const serialised = new WeakMap<object, Buffer>();

/** Serialised once for all readers of the same data. */
export function dataEvent(id: string, data: object): Buffer {
  const known = serialised.get(data);
  if (known !== undefined) return known;
  const made = event(`data: ${JSON.stringify(data)}\nid: ${id}`);
  serialised.set(data, made);
  return made;
}

/** @param options.pingMs how long without an event before a ping, in milliseconds */
export function startEventStream(
  answer: ServerResponse,
  options: { pingMs: number; client: object },
): EventStream {
  answer.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    // The end of a watch is the end of its connection: nothing to wait for at shutdown.
    connection: 'close',
  });
  answer.write(event(`event: connected\ndata: ${JSON.stringify(options.client)}`));
  // None for a reader that has not taken the last event.
  const ping = setInterval(() => answer.writableNeedDrain || answer.write(PING), options.pingMs);
  answer.once('close', () => clearInterval(ping));

  return {
    send: (chunk) =>
      new Promise((resolve) => {
        if (answer.destroyed) return resolve();
        ping.refresh();
        const done = () => {
          answer.off('close', done);
          resolve();
        };
        answer.once('close', done);
        // Called when the chunk has left for the operating system.
        answer.write(chunk, done);
      }),
    end: (chunk) => {
      clearInterval(ping);
      answer.end(chunk);
    },
  };
}
