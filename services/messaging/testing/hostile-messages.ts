import { randomUUID } from 'node:crypto';
import type { JobMessage } from '@darkroom/contract';
import type { Random } from '@darkroom/testing';
import type { Options } from 'amqplib';
import { newJob } from './messages.ts';

/** A message as anyone with access to the broker might send it. */
export type HostileMessage = {
  content: Buffer;
  properties: Options.Publish;
  /** What a consumer is to make of it; undefined where it is no job. */
  job: JobMessage | undefined;
};

const notJobs = [
  'null',
  'true',
  '0',
  '""',
  '[]',
  '{}',
  '[[]]',
  '"job"',
  '\ufeff{}',
  'NaN',
  "{'version':1}",
  '{"__proto__":{"version":1}}',
  '{"constructor":{"name":"x"}}',
  '['.repeat(20_000) + ']'.repeat(20_000),
  '{"a":'.repeat(5_000),
  JSON.stringify('x'.repeat(300_000)),
];

/** By field what it must not hold. */
const wrong: Readonly<Record<keyof Omit<JobMessage, 'traceparent'>, readonly unknown[]>> = {
  version: [null, 0, 3, '1', 1.5, 1e308, {}, [1]],
  generationId: [null, 1, '', 'x', '../../etc', `${randomUUID()}\0`, {}, ['a']],
  revision: [null, '1', 1.5, -1.5, 2 ** 53, {}, [], true],
  model: [null, 1, '', 'Pinhole', 'a.b', '#', '*', 'x'.repeat(41), 'é', {}],
};

const headers: readonly Record<string, unknown>[] = [
  {},
  { traceparent: 'junk' },
  { traceparent: { '!': 'timestamp', value: 1 } },
  { traceparent: ['00', 1] },
  { 'x-delivery-count': 2_147_483_647 },
  { 'x-delivery-count': 'many' },
  { 'x-delivery-count': { '!': 'double', value: -1e308 } },
  { 'x-death': [{ count: 99, reason: 'rejected', queue: 'none', time: 'never' }] },
  { 'x-death': 'none' },
  { 'darkroom-reason': 'forged' },
  { nested: { a: { b: { c: [1, [2, [3, { d: null }]]] } } } },
  { long: 'x'.repeat(10_000) },
  Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`many${index}`, 'x'.repeat(500)])),
  { bytes: Buffer.from([0, 255, 254]) },
  { when: { '!': 'timestamp', value: Number.MAX_SAFE_INTEGER } },
  { price: { '!': 'decimal', value: { digits: 314, places: 2 } } },
  { small: { '!': 'byte', value: -1 }, float: { '!': 'float', value: 0.5 } },
  { '': 'no name', 'x\0y': 'null byte' },
];

/** One of many kinds, a third of them sound jobs in strange clothes. */
export function hostileMessage(random: Random): HostileMessage {
  const properties: Options.Publish = {
    headers: random.pick(headers),
    ...random.pick([
      {},
      { contentType: 'application/json', type: 'job', messageId: 'x'.repeat(255) },
      { contentEncoding: 'gzip', contentType: 'image/png' },
      { type: '', correlationId: '\0', replyTo: 'nowhere' },
      { deliveryMode: 1, priority: 255, appId: 'é' },
      { timestamp: 2 ** 40 },
    ]),
  };
  const job = newJob();
  const text = JSON.stringify(job);
  const roll = random.next();
  if (roll < 0.2) return { properties, job, content: Buffer.from(text) };
  if (roll < 0.35) return { properties, job, content: Buffer.from(dressed(job, random)) };
  const content = random.pick([
    () => randomBytes(random),
    () => Buffer.from(random.pick(notJobs)),
    () => Buffer.from(text).subarray(0, Math.floor(random.next() * text.length)),
    () => Buffer.from(text.replace('"version"', '"\xff"'), 'latin1'),
    () => Buffer.concat([Buffer.from(text), randomBytes(random), Buffer.from('}')]),
    () => Buffer.from(JSON.stringify([job])),
    () => {
      const field = random.pick(Object.keys(wrong) as (keyof typeof wrong)[]);
      return Buffer.from(JSON.stringify({ ...job, [field]: random.pick(wrong[field]) }));
    },
    () => {
      const { [random.pick(Object.keys(wrong) as (keyof typeof wrong)[])]: _, ...rest } = job;
      return Buffer.from(JSON.stringify(rest));
    },
  ])();
  return { properties, job: undefined, content };
}

/** The same job with what a later release might add, in another order, with room between. */
function dressed(job: JobMessage, random: Random): string {
  const later = { later: { nested: [1, 'x'] }, priority: 9, ['__proto__x']: 1 };
  return random.pick([
    JSON.stringify({ ...later, ...job }),
    JSON.stringify(job, undefined, 4),
    ` \n\t${JSON.stringify(job)}\r\n`,
    JSON.stringify(job).replace('{', '{"version":7,"__proto__":{"model":"x"},'),
    JSON.stringify(job).replace('"model"', '"\\u006dodel"'),
  ]);
}

const randomBytes = (random: Random): Buffer =>
  Buffer.from(
    Array.from({ length: 1 + Math.floor(random.next() * 500) }, () =>
      Math.floor(random.next() * 256),
    ),
  );
