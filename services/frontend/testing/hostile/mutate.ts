import type { Random } from '@darkroom/testing';

/** A JSON text that no value stands for: written where a string of this form stands. */
const RAW = '\u0001raw:';
const raw = (json: string): string => `${RAW}${json}`;

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const numbers = [
  0,
  -0,
  -1,
  1,
  1.5,
  7,
  64,
  65,
  150,
  151,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  1e-9,
];

const strings = [
  '',
  ' ',
  'x',
  '\0',
  'a\0b',
  'null',
  '__proto__',
  'constructor',
  "'; drop table generations; --",
  '$1',
  '%00',
  '%s%n',
  '../../etc/passwd',
  '{"$ne":null}',
  '\\',
  '"',
  '\u2028',
  '\ufeff',
  '‮right to left',
  'é'.normalize('NFD'),
  '👩‍👩‍👧‍👦'.repeat(50),
  'x'.repeat(255),
  'x'.repeat(2_001),
  'x'.repeat(20_000),
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '2030-01-31T12:00:00Z',
  '0000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '9999-12-31T23:59:59.999999999+23:59',
  'https://127.0.0.1/',
  'https://[::ffff:10.0.0.1]/',
  'javascript:alert(1)',
  '1e400',
  'NaN',
];

/** What JSON can say and values cannot, or not without becoming something else. */
const raws = [
  '"\\ud83c"',
  '"\\udf1f\\ud83c"',
  '"a\\u0000b"',
  '1e400',
  '-1e400',
  '123456789012345678901234567890',
  '0.1e-400',
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"admin":true}}}',
  '{"a":1,"a":2}',
  '{"toString":null,"valueOf":null,"toJSON":{}}',
  '{"then":"x"}',
  '{"length":1000000000}',
  nested(50),
  nested(5_000),
  `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`,
].map(raw);

const hostile: readonly unknown[] = [
  ...numbers,
  ...strings,
  ...raws,
  null,
  true,
  false,
  [],
  {},
  [[]],
  [null],
  { '': '' },
  { id: { id: {} } },
  Array.from({ length: 300 }, (_, index) => index),
];

const keys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  'json',
  'meta',
  'id',
  'tenant',
  'state',
  'lastEventId',
  'x'.repeat(300),
];

/** Changes a value at one place: there something hostile stands, is added or is missing. */
export function mutate(value: unknown, random: Random): unknown {
  const roll = random.next();
  if (typeof value !== 'object' || value === null || roll < 0.05) return random.pick(hostile);
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === 0 ? mutate(item, random) : item));
  }
  const fields = Object.entries(value);
  if (fields.length === 0 || roll < 0.2) {
    return Object.fromEntries([...fields, [random.pick(keys), random.pick(hostile)]]);
  }
  const [name] = random.pick(fields);
  if (roll < 0.35) return Object.fromEntries(fields.filter(([other]) => other !== name));
  return Object.fromEntries(
    fields.map(([other, held]) => [other, other === name ? mutate(held, random) : held]),
  );
}

/** As JSON, with what only JSON can say. */
export const toJson = (value: unknown): string | undefined =>
  JSON.stringify(value)?.replace(/"\\u0001raw:((?:[^"\\]|\\.)*)"/g, (_, escaped: string) =>
    JSON.parse(`"${escaped}"`),
  );

/** Changes a text without regard for what it says. */
export function garble(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text);
  const at = Math.floor(random.next() * bytes.length);
  const cut = () => bytes.subarray(0, at);
  const rest = () => bytes.subarray(at);
  return random.pick([
    cut,
    () => Buffer.concat([bytes, bytes]),
    () => Buffer.concat([cut(), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), rest()]),
    () => Buffer.concat([cut(), Buffer.from([Math.floor(random.next() * 256)]), rest()]),
    () =>
      Buffer.concat([cut(), Buffer.from(random.pick([',', '}', ']', '"', '//', '\0'])), rest()]),
    () => Buffer.concat([Buffer.from('\ufeff'), bytes]),
    () => Buffer.from(`${text},`),
    () => Buffer.alloc(0),
  ])();
}
