import { setTimeout as wait } from 'node:timers/promises';
import { createRandom } from '@darkroom/testing';
import { Agent, request } from 'undici';
import { type Answered, judge, type Verdict } from './judge.ts';
import { type HostileRequest, hostileRequest, type Procedures } from './requests.ts';

export type Assault = {
  calls: number;
  /** Calls that reached their procedure. */
  passed: number;
  reached: Set<string>;
  /** Ids of the generations that answers told, and of these the deleted, by tenant. */
  tenants: ReadonlyMap<string, { seen: Set<string>; deleted: Set<string> }>;
  seconds: number;
};

const IN_FLIGHT = 12;
/** After a call that was put off. */
const PAUSE_MS = 100;
/** An answer that takes longer counts as none. */
const PATIENCE_MS = 20_000;
const REMEMBERED = 2_000;
const MAX_HEADER = 12 * 1024;

/**
 * Sends hostile requests until that many calls are made, and judges every answer.
 *
 * @param options.authorizations by tenant; `''` for callers with no valid key
 * @throws Error at the first answer that no request may have, with the request and how to repeat it
 */
export async function assault(options: {
  origin: string;
  seed: number;
  calls: number;
  procedures: Procedures;
  authorizations: Readonly<Record<string, string>>;
}): Promise<Assault> {
  const { origin, seed, procedures, authorizations } = options;
  const tenants = new Map(
    Object.keys(authorizations).map((name) => [
      name,
      { seen: new Set<string>(), deleted: new Set<string>(), remembered: [] as string[] },
    ]),
  );
  const names = [...tenants.keys()];
  const agent = new Agent({ connections: IN_FLIGHT, pipelining: 1, bodyTimeout: PATIENCE_MS });
  const cursors: string[] = [];
  const reached = new Set<string>();
  let calls = 0;
  let passed = 0;
  let number = 0;
  const started = performance.now();

  const remember = (tenant: string, { procedure, data }: Verdict) => {
    const { id, nextCursor, generations } = (data ?? {}) as Record<string, unknown>;
    if (typeof nextCursor === 'string') keep(cursors, nextCursor, calls);
    const own = tenants.get(tenant);
    if (own === undefined) throw new Error(`${procedure} answers a caller without a key`);
    const seen = Array.isArray(generations) ? generations.map((one) => one.id) : [id];
    for (const one of seen.filter((each) => typeof each === 'string')) {
      for (const [name, other] of tenants) {
        if (other !== own && other.seen.has(one))
          throw new Error(`${tenant} sees ${name}'s ${one}`);
      }
      own.seen.add(one);
      if (procedure === 'generations.delete') own.deleted.add(one);
      else keep(own.remembered, one, calls);
    }
  };

  const one = async (): Promise<void> => {
    const random = createRandom(Math.imul(seed, 0x9e3779b1), String(number++));
    const tenant = random.next() < 0.95 ? random.pick(names) : '';
    const own = tenants.get(tenant)?.remembered ?? [];
    const other = tenants.get(random.pick(names.filter((name) => name !== tenant)));
    const others = other?.remembered ?? [];
    const sent = hostileRequest(random, procedures, { own, others, cursors });
    const authorization = authorizations[tenant];
    const headers = { ...sent.headers, ...(authorization && { authorization }) };
    try {
      const answered = await answer(origin, agent, { ...sent, headers });
      const verdicts = judge(sent, answered);
      const settled = verdicts.filter(({ outcome }) => outcome !== 'busy');
      calls += settled.length;
      if (settled.length < verdicts.length) await wait(PAUSE_MS);
      for (const verdict of settled) {
        if (verdict.outcome !== 'passed' || !Object.hasOwn(procedures, verdict.procedure)) continue;
        passed += 1;
        reached.add(verdict.procedure);
        remember(tenant, verdict);
      }
    } catch (cause) {
      const about = JSON.stringify({ ...sent, body: sent.body?.toString('latin1') }).slice(
        0,
        3_000,
      );
      throw new Error(`seed ${seed}, request ${number}: ${(cause as Error).message}\n${about}`, {
        cause,
      });
    }
  };
  const lane = async () => {
    while (calls < options.calls) await one();
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  } finally {
    await agent.destroy();
  }
  return { calls, passed, reached, tenants, seconds: (performance.now() - started) / 1_000 };
}

/** At the end, or in the place of an older one. */
function keep(list: string[], item: string, turn: number): void {
  list[list.length < REMEMBERED ? list.length : turn % REMEMBERED] = item;
}

async function answer(
  origin: string,
  agent: Agent,
  { method, path, headers, body }: HostileRequest,
): Promise<Answered> {
  const response = await request(origin + path, {
    dispatcher: agent,
    method: method as 'GET',
    headers,
    body: body ?? null,
    // Node ends a connection whose header is too large while some of it is still on its way.
    reset: path.length > MAX_HEADER,
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const { statusCode: status, body: answered } = response;
  const isStream = response.headers['content-type'] === 'text/event-stream';
  const retryAfter = Number(response.headers['retry-after']) >= 1;
  if (!isStream) return { status, text: await answered.text(), isStream, retryAfter };
  let text = '';
  answered.setEncoding('utf8');
  for await (const chunk of answered) {
    text += chunk;
    // A generation, or why there is none; a watch that goes on is left.
    if (/^event: (return|serialized-error)$|^id: /m.test(text) && text.endsWith('\n\n')) break;
  }
  return { status, text, isStream, retryAfter };
}
