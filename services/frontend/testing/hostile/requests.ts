import type { Random } from '@darkroom/testing';
import { type Known, validInput } from './inputs.ts';
import { garble, mutate, toJson } from './mutate.ts';

export type Procedures = Readonly<Record<string, 'query' | 'mutation' | 'subscription'>>;

export type HostileRequest = {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
  /** As the path names them; as many calls. */
  procedures: string[];
};

const eventIds = [
  '1.0',
  '0.0',
  '-1.-1',
  '999999999999999.999999999999999',
  '9999999999999999999999.1',
  '1e3.1',
  '1.1.1',
  '__proto__',
  'x'.repeat(101),
  '{"revision":1}',
  'é',
];

const headers: readonly Record<string, string>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'application/json;;;' },
  { 'content-type': 'application/jsonx' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'application/octet-stream' },
  { 'content-encoding': 'gzip' },
  { 'content-encoding': 'br, deflate' },
  { 'trpc-accept': 'nothing' },
  { accept: 'text/event-stream' },
  { traceparent: 'junk' },
  { traceparent: '00-00000000000000000000000000000000-0000000000000000-00' },
  { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'evil' },
  { cookie: 'x'.repeat(4_000) },
  { 'last-event-id': '1.1' },
  { range: 'bytes=0-1' },
  { 'x-http-method-override': 'DELETE' },
  { origin: 'null' },
];

/** Of queries alone: what a mutation made must be told in a form that is read here. */
const queryHeaders = [
  ...headers,
  { accept: 'application/jsonl' },
  { 'trpc-accept': 'application/jsonl' },
];

const strangePaths = [
  ...[
    'generations',
    'generations.',
    '.create',
    'generations.create.call',
    'generations.__proto__',
    'constructor',
    '__proto__.create',
    'toString',
    'generations.nothing',
    '%00',
    'models.list%2cmodels.list',
    ',',
    ',,,,',
    'models.list,',
    'models.list,constructor',
    'x'.repeat(3_000),
  ].map((procedure) => `/trpc/${procedure}`),
  '/',
  '//',
  '/trpc',
  '/trpc/',
  '/trpc/%E0%A4%A',
  '/images',
  '/images/..%2f..%2fetc/passwd',
  '/images/%00/0-a.png',
  '/images/00000000-0000-4000-8000-000000000000/0-a.png',
  '/images/__proto__/constructor',
  '/metrics/..',
];

/** A request as a caller of ill will or little care might send it; half of the calls are sound. */
export function hostileRequest(
  random: Random,
  procedures: Procedures,
  known: Known,
): HostileRequest {
  const names = Object.keys(procedures);
  const roll = random.next();
  if (roll < 0.02) return strange(random);
  if (roll < 0.07) return watching(random, known);
  const type = random.pick(['query', 'mutation'] as const);
  const fitting = names.filter((name) => procedures[name] === type);
  const calls = roll < 0.3 ? 1 : 2 + Math.floor(random.next() * 19);
  const chosen = Array.from({ length: calls }, () =>
    random.pick(random.next() < 0.02 ? names : fitting),
  );
  const inputs = chosen.map((name) => hostileInput(name, random, known));
  const batched = calls > 1 || random.next() < 0.05;
  const input = batched ? Object.fromEntries(inputs.entries()) : inputs[0];
  return send(random, type, chosen, toJson(input), batched);
}

function hostileInput(procedure: string, random: Random, known: Known): unknown {
  let input = validInput(procedure, random, known);
  if (random.next() < 0.55) return input;
  const times = random.pick([1, 1, 1, 2, 3]);
  for (let i = 0; i < times; i++) input = mutate(input, random);
  return input;
}

function send(
  random: Random,
  type: 'query' | 'mutation',
  chosen: string[],
  json: string | undefined,
  batched: boolean,
): HostileRequest {
  const wrongMethod = random.next() < 0.03;
  const method = (type === 'query') === !wrongMethod ? 'GET' : 'POST';
  const verb = random.next() < 0.01 ? random.pick(['PUT', 'DELETE', 'PATCH', 'OPTIONS']) : method;
  const garbled = json !== undefined && random.next() < 0.03 ? garble(json, random) : json;
  const path = `/trpc/${chosen.join(',')}`;
  const common = {
    procedures: chosen,
    headers: random.next() < 0.05 ? random.pick(type === 'query' ? queryHeaders : headers) : {},
  };
  const query = new URLSearchParams(batched ? { batch: '1' } : {});
  if (method === 'GET' && garbled !== undefined) query.set('input', garbled.toString());
  const search = query.size === 0 ? '' : `?${query}`;
  if (method === 'GET') {
    return { ...common, method: verb, path: path + search, body: undefined };
  }
  return {
    ...common,
    method: verb,
    path: path + search,
    body: garbled === undefined ? undefined : Buffer.from(garbled),
    headers: { 'content-type': 'application/json', ...common.headers },
  };
}

function watching(random: Random, known: Known): HostileRequest {
  const procedure = 'generations.watch';
  const json = toJson(hostileInput(procedure, random, known));
  const search = json === undefined ? '' : `?input=${encodeURIComponent(json)}`;
  const forged = random.next() < 0.5 ? { 'last-event-id': random.pick(eventIds) } : {};
  return {
    method: 'GET',
    path: `/trpc/${procedure}${search}`,
    headers: { accept: 'text/event-stream', ...forged },
    body: undefined,
    procedures: [procedure],
  };
}

function strange(random: Random): HostileRequest {
  const path = random.pick(strangePaths);
  const method = random.pick(['GET', 'POST']);
  const search = random.pick([
    '',
    '?batch=1',
    '?batch=1&input={}',
    '?input={',
    '?input=%',
    '?batch=2',
  ]);
  return {
    method,
    path: path + search,
    headers: method === 'POST' ? { 'content-type': 'application/json' } : {},
    body:
      method === 'POST'
        ? Buffer.from(random.pick(['', '{}', '[]', 'null', '{"0":{}}']))
        : undefined,
    procedures: [path],
  };
}
