import type { Generation } from '@darkroom/contract';

export type WatchEvent = {
  /** `message` for a generation; else one of tRPC's own, `return` at the end of a finished watch; `retry` for when to come again. */
  event: string;
  id: string | undefined;
  data: Generation;
};

/** Reads a watch as it comes over the wire. Pings are passed over. */
export async function* openWatch(
  origin: string,
  id: string,
  options: { lastEventId?: string; signal?: AbortSignal; authorization?: string } = {},
): AsyncGenerator<WatchEvent> {
  const input = encodeURIComponent(JSON.stringify({ id }));
  const response = await fetch(`${origin}/trpc/generations.watch?input=${input}`, {
    headers: {
      accept: 'text/event-stream',
      ...(options.authorization !== undefined && { authorization: options.authorization }),
      ...(options.lastEventId !== undefined && { 'last-event-id': options.lastEventId }),
    },
    signal: options.signal ?? null,
  });
  if (response.body === null) throw new Error(`no body, status ${response.status}`);
  let unread = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (unread + chunk).split(/\n\n+/);
    unread = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const event = field('event') ?? (field('retry') === undefined ? 'message' : 'retry');
      if (event === 'connected' || event === 'ping') continue;
      yield { event, id: field('id'), data: JSON.parse(field('data') || 'null') };
    }
  }
}

export async function restOf(watch: AsyncIterable<WatchEvent>): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of watch) events.push(event);
  return events;
}
