import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { createClient, type DarkroomClient, type Generation } from '@darkroom/client/source';
import type { EvidenceDetail } from '@darkroom/contract';
import type { S3Location } from '@darkroom/testing';
import type { LedgerEntry } from './ledger.ts';

/** An object of the store; `at` is when it was written, in milliseconds since 1970. */
export type StoredObject = { key: string; at: number };

/** All that the verdict looks at. */
export type Facts = {
  ledger: readonly LedgerEntry[];
  /** Everything that the API lists. */
  generations: readonly Generation[];
  /** By the URL that a generation names: the SHA-256 of the bytes that came, null where none did. */
  fetched: ReadonlyMap<string, string | null>;
  objects: readonly StoredObject[];
  /** When the database was set back, and to when; milliseconds since 1970. */
  restored?: { from: number; to: number } | undefined;
};

const FETCH_AT_ONCE = 8;

/** Asks the API for everything that it knows, and for every picture. */
export async function askEverything(
  url: string,
  signal: AbortSignal,
  apiKey?: string,
): Promise<Pick<Facts, 'generations' | 'fetched'>> {
  const generations = await listAll(createClient({ url, apiKey }), signal);
  const fetched = new Map<string, string | null>();
  const wanted = generations.flatMap(({ images }) => images.map((image) => image.url));
  const fetchNext = async (): Promise<void> => {
    for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
      signal.throwIfAborted();
      fetched.set(path, await digestOf(`${url}${path}`, apiKey));
    }
  };
  await Promise.all(Array.from({ length: FETCH_AT_ONCE }, fetchNext));
  return { generations, fetched };
}

/** With the workers that lost their attempts, which the API tells operators alone. */
export async function withEvidence(
  url: string,
  generations: readonly Generation[],
): Promise<(Generation & { evidence: EvidenceDetail[] })[]> {
  const client = createClient({ url });
  const detailed = [];
  for (const generation of generations) {
    const { id, evidence } = generation;
    const ask = () => tried(() => client.system.evidence.query({ id }));
    detailed.push({ ...generation, evidence: evidence.length === 0 ? [] : await ask() });
  }
  return detailed;
}

async function listAll(client: DarkroomClient, signal: AbortSignal): Promise<Generation[]> {
  const all: Generation[] = [];
  let cursor: string | undefined;
  do {
    const input = { limit: 100, ...(cursor && { cursor }) };
    const page = await tried(() => client.generations.list.query(input));
    signal.throwIfAborted();
    all.push(...page.generations);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return all;
}

/** Null where the answer is that there is none, or no answer is to be had. */
async function digestOf(url: string, apiKey?: string): Promise<string | null> {
  const get = async (): Promise<string | null> => {
    const answer = await fetch(url, {
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.status === 404) return null;
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return createHash('sha256').update(bytes).digest('hex');
  };
  return tried(get).catch(() => null);
}

/** The service has just been through a lot: connections that faults left dead fail once. */
async function tried<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = 4; ; left--) {
    try {
      return await ask();
    } catch (error) {
      if (left === 0) throw error;
      await wait(1_000);
    }
  }
}

/** Everything in the object store, from the store itself. */
export async function listObjects(location: S3Location): Promise<StoredObject[]> {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = location;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({
    ...{ endpoint, region, credentials, forcePathStyle: true },
    requestHandler: { requestTimeout: 10_000, throwOnRequestTimeout: true },
  });
  const all: StoredObject[] = [];
  let next: string | undefined;
  try {
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, ...(next && { ContinuationToken: next }) }),
      );
      for (const { Key, LastModified } of page.Contents ?? []) {
        if (Key !== undefined && !Key.endsWith('/')) {
          all.push({ key: Key, at: LastModified?.getTime() ?? 0 });
        }
      }
      next = page.NextContinuationToken;
    } while (next !== undefined);
  } finally {
    client.destroy();
  }
  return all;
}
