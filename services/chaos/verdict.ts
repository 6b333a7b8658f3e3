import type { Generation } from '@darkroom/client/source';
import { seedAt } from '@darkroom/contract';
import type { Facts, StoredObject } from './facts.ts';
import type { LeaseBreach } from './lease-verdict.ts';
import type { LedgerEntry, Seen } from './ledger.ts';

/**
 * What was broken. `lost`: accepted, and there is no such generation, or a success without its
 * pictures. `twice`: a second generation, end or set of pictures. `stuck`: no answer or no end.
 * `left over`: objects of a generation that there is not, so that nothing will ever collect them.
 */
export type Breach =
  | { promise: 'lost' | 'twice' | 'stuck' | 'left over'; what: string }
  | LeaseBreach;

export type Verdict = {
  sent: number;
  accepted: number;
  refused: number;
  /** Of the accepted, by how they ended. */
  ended: Record<string, number>;
  /** Objects of lost attempts, which go with their generation. */
  toCollect: number;
  /** Answers that a service failed to give for no reason it knows (HTTP 500). */
  internalErrors: number;
  /** Accepted after the backup to which the database was set back, and gone with it. */
  afterBackup: number;
  breaches: Breach[];
};

type Entry<Type extends LedgerEntry['type']> = Extract<LedgerEntry, { type: Type }>;

const isEnded = ({ state }: Generation): boolean => state !== 'queued' && state !== 'running';
/** Of a key, `TENANT/GENERATION/PICTURE`. */
const generationOf = (key: string): string => key.split('/')[1] ?? '';

/** How long after the database was set back its former past may still write, in milliseconds. */
const AFTERMATH_MS = 60_000;

/** Judges a run by what its client was told, what the API says and what the store holds. */
export function judge(facts: Facts): Verdict {
  const { ledger, generations, restored } = facts;
  const of = <Type extends LedgerEntry['type']>(type: Type) =>
    ledger.filter((entry): entry is Entry<Type> => entry.type === type);
  const accepted = of('accepted');
  const refused = of('refused');
  const listed = new Map(generations.map((generation) => [generation.id, generation]));
  const breaches: Breach[] = [];
  const breach = (promise: Breach['promise'], what: string) => breaches.push({ promise, what });
  const isUndone = (time: string | null): boolean => {
    const at = Date.parse(time ?? '');
    return restored !== undefined && restored.to <= at && at <= restored.from;
  };

  const answeredNumbers = new Set([...accepted, ...refused].map(({ n }) => n));
  for (const { n } of of('sent')) {
    if (!answeredNumbers.has(n)) breach('stuck', `request ${n} was never answered`);
  }

  const idOf = new Map<number, string>();
  let afterBackup = 0;
  for (const { n, id, createdAt } of accepted) {
    const first = idOf.get(n);
    if (first !== undefined && first !== id) {
      breach('twice', `request ${n} was accepted as ${first} and as ${id}`);
    }
    idOf.set(n, id);
    if (listed.has(id)) continue;
    if (isUndone(createdAt)) afterBackup += 1;
    else breach('lost', `request ${n} was accepted as ${id}, which the API does not know`);
  }

  const known = new Set(accepted.map(({ id }) => id));
  for (const { id, state } of generations) {
    if (!known.has(id)) breach('twice', `${id} (${state}) was accepted by nobody`);
  }

  const ended: Record<string, number> = {};
  for (const generation of generations) {
    const { id, state, error } = generation;
    if (!known.has(id)) continue;
    const end = error === null ? state : `${state} ${error.code}`;
    ended[end] = (ended[end] ?? 0) + 1;
    if (!isEnded(generation)) breach('stuck', `${id} is still ${state}`);
    if (state === 'succeeded') {
      for (const what of wrongPictures(generation, facts)) breach('lost', what);
    }
  }
  for (const what of differentBits(generations)) breach('lost', what);

  for (const { generation: before } of of('seen')) {
    const now = listed.get(before.id);
    if (now === undefined || isUndone(before.finishedAt)) continue;
    const change = changed(before, now);
    if (change !== undefined) breach('twice', `${before.id} was ${before.state} and ${change}`);
  }

  const named = new Set(
    generations.flatMap(({ id, images }) => images.map(({ url }) => `${id}/${fileOf(url)}`)),
  );
  const isNamed = ({ key }: StoredObject) => named.has(`${generationOf(key)}/${fileOf(key)}`);
  let toCollect = 0;
  for (const object of facts.objects) {
    const { key, at } = object;
    if (isNamed(object)) continue;
    const owner = listed.get(generationOf(key));
    // It is stuck, as was said, and what it has stored may still be named.
    if (owner !== undefined && !isEnded(owner)) continue;
    // Object stores tell the second alone in which a thing was stored, so its beginning counts.
    const fromUndone =
      restored !== undefined && restored.to - 1_000 < at && at <= restored.from + AFTERMATH_MS;
    if (owner === undefined && fromUndone) continue;
    if (owner === undefined) breach('left over', `${key} is of no generation that there is`);
    else if (owner.state === 'succeeded' && key.endsWith('.png')) {
      breach('twice', `${key} is named by nothing, beside the pictures of a success`);
    } else toCollect += 1;
  }

  if (accepted.length === 0) breach('lost', 'nothing was accepted, so nothing was shown');
  return {
    sent: of('sent').length,
    accepted: idOf.size,
    refused: refused.length,
    ended,
    toCollect,
    internalErrors: of('failed').length,
    afterBackup,
    breaches,
  };
}

const fileOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** One picture for each that was asked, with its own seed and the digest that is named. */
function* wrongPictures({ id, request, images }: Generation, { fetched }: Facts) {
  if (images.length !== request.count) {
    yield `${id} succeeded with ${images.length} pictures of ${request.count}`;
  }
  for (const [place, { url, sha256, seed }] of images.entries()) {
    if (seed !== seedAt(request.seed, place)) yield `${id} has a picture of seed ${seed}`;
    const came = fetched.get(url);
    if (came === undefined || came === null) yield `${id} succeeded and ${url} is not there`;
    else if (came !== sha256) yield `${id} names ${sha256}, and ${url} has ${came}`;
  }
}

/** The same request must come to the same bits, whatever was broken meanwhile. */
function* differentBits(generations: readonly Generation[]) {
  const bits = new Map<string, string>();
  for (const { id, state, request, images } of generations) {
    if (state !== 'succeeded') continue;
    const asked = JSON.stringify(Object.entries(request).sort());
    const digests = images.map(({ sha256 }) => sha256).join(' ');
    const first = bits.get(asked);
    if (first === undefined) bits.set(asked, digests);
    else if (first !== digests) yield `${id} has other bits than the same request before it`;
  }
}

/** No edge leaves an end. */
function changed(before: Seen, now: Generation): string | undefined {
  if (now.state !== before.state) return `is ${now.state} now`;
  if (now.finishedAt !== before.finishedAt) {
    return `ended again: at ${before.finishedAt}, then at ${now.finishedAt}`;
  }
  const digests = now.images.map(({ sha256 }) => sha256);
  return digests.join() === before.sha256.join() ? undefined : 'has other pictures now';
}
