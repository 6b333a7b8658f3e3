/**
 * Opens watches over HTTP and reads them to their end, in a process of its own so that it shares no
 * event loop with what it measures. Its one argument is a `CrowdOrder` as JSON. It prints `open` when
 * every watch has had its first event, and a `CrowdResult` as JSON when all have ended.
 */
import { Agent, get } from 'node:http';
import process from 'node:process';
import type { CrowdOrder, CrowdResult } from './order.ts';

const order: CrowdOrder = JSON.parse(process.argv[2] ?? '');

/** Opened at once, so that no queue of the operating system overflows. */
const OPENING = 50;

/** How the data of an event begins. */
const EVENT = 'data: {"id"';

/** More than an event and the end have together. */
const LAST_CHARACTERS = 20_000;

const agent = new Agent({ keepAlive: false });
const ends: Promise<void>[] = [];
const result: CrowdResult = { watches: 0, sawEnd: 0, brokeOff: 0, refused: 0, events: 0 };

/** Resolves at its first event; its end is among `ends`. */
function watch(id: string, authorization: string): Promise<void> {
  const input = encodeURIComponent(JSON.stringify({ id }));
  const url = `${order.url}/trpc/generations.watch?input=${input}`;
  const headers = { accept: 'text/event-stream', authorization };
  const first = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  ends.push(end.promise);
  result.watches += 1;
  const over = (how: 'sawEnd' | 'brokeOff') => {
    result[how] += 1;
    first.resolve();
    end.resolve();
  };
  const request = get(url, { agent, headers }, (answer) => {
    if (answer.statusCode !== 200) result.refused += 1;
    let last = '';
    answer.setEncoding('latin1');
    answer.on('data', (text: string) => {
      result.events += text.split(EVENT).length - 1;
      last = (last + text).slice(-LAST_CHARACTERS);
      if (last.includes(EVENT)) first.resolve();
    });
    answer.on('close', () => {
      const ended = last.includes('event: return') && last.includes('"state":"succeeded"');
      over(ended ? 'sawEnd' : 'brokeOff');
    });
  });
  request.on('error', () => over('brokeOff'));
  return first.promise;
}

const toOpen = order.watches.flatMap(({ id, authorization, count }) =>
  Array.from({ length: count }, () => ({ id, authorization })),
);
const open = async () => {
  for (let one = toOpen.pop(); one !== undefined; one = toOpen.pop()) {
    await watch(one.id, one.authorization);
  }
};
await Promise.all(Array.from({ length: OPENING }, open));
console.log('open');
await Promise.all(ends);
console.log(JSON.stringify(result));
