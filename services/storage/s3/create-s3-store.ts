import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DarkroomError } from '@darkroom/contract';
import { checkKey, folderOfPrefix } from '../key.ts';
import type { ObjectStore } from '../object-store.ts';
import { isMissing, s3Error } from './s3-error.ts';

export type S3StoreOptions = {
  endpoint: string;
  bucket: string;
  region: string;
  /** Absent: the platform's identity, as the SDK finds it. */
  credentials?: { accessKeyId: string; secretAccessKey: string } | undefined;
};

/** Without a logger of its own the SDK writes a line for each upload that is broken off. */
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What S3 removes in one call. */
const REMOVE_AT_ONCE = 1_000;

/** Objects in one bucket of any S3-compatible store, addressed by path. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { endpoint, bucket, region, credentials } = options;
  const client = new S3Client({
    endpoint,
    region,
    // A copy: the SDK writes into the object that it is given.
    ...(credentials && { credentials: { ...credentials } }),
    forcePathStyle: true,
    logger: silent,
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 10_000,
      throwOnRequestTimeout: true,
      socketTimeout: 10_000,
      httpAgent: { keepAlive: true, maxSockets: 50 },
      httpsAgent: { keepAlive: true, maxSockets: 50 },
    },
  });
  const where = { endpoint, bucket };
  const inBucket = { Bucket: bucket };

  return {
    async put(key, bytes, contentType) {
      const object = { Key: checkKey(key), Body: bytes, ContentType: contentType };
      try {
        await client.send(new PutObjectCommand({ ...inBucket, ...object }));
      } catch (error) {
        throw s3Error(`write ${key}`, where, error);
      }
    },

    async get(key, { maxBytes = Number.POSITIVE_INFINITY } = {}) {
      checkKey(key);
      try {
        const answer = await client.send(new GetObjectCommand({ ...inBucket, Key: key }));
        const bytes = await readBeginning(answer.Body as Readable, maxBytes + 1);
        return { bytes, contentType: answer.ContentType ?? 'application/octet-stream' };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw s3Error(`read ${key}`, where, error);
      }
    },

    async putFile(key, path, contentType, { signal } = {}) {
      const Key = checkKey(key);
      signal?.throwIfAborted();
      const { size } = await stat(path);
      // Read for it beforehand: the SDK's own checksum would follow the bytes as a trailer, after which
      // versitygw at times answers 400 to the connection's next request.
      const ChecksumSHA256 = await sha256Of(path, signal);
      const object = { Key, ContentLength: size, ContentType: contentType, ChecksumSHA256 };
      const Body = createReadStream(path);
      try {
        // As long as bytes go: the time limit of a request would be one on the file's size.
        await client.send(new PutObjectCommand({ ...inBucket, ...object, Body }), {
          requestTimeout: 0,
          ...(signal && { abortSignal: signal }),
        });
      } catch (error) {
        signal?.throwIfAborted();
        throw s3Error(`write ${key}`, where, error);
      } finally {
        Body.destroy();
      }
    },

    async read(key) {
      checkKey(key);
      const what = `read ${key}`;
      try {
        const answer = await client.send(new GetObjectCommand({ ...inBucket, Key: key }));
        return readOn(answer.Body as Readable, (error) => s3Error(what, where, error));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw s3Error(what, where, error);
      }
    },

    async remove(keys) {
      const objects = keys.map((key) => ({ Key: checkKey(key) }));
      try {
        for (let start = 0; start < objects.length; start += REMOVE_AT_ONCE) {
          const Delete = { Objects: objects.slice(start, start + REMOVE_AT_ONCE), Quiet: true };
          const { Errors } = await client.send(new DeleteObjectsCommand({ ...inBucket, Delete }));
          const kept = Errors?.find(({ Code }) => Code !== 'NoSuchKey');
          if (kept !== undefined) {
            throw new DarkroomError(
              'unavailable',
              `${endpoint} keeps ${kept.Key} of bucket ${bucket} (${kept.Code}): try again later`,
            );
          }
        }
      } catch (error) {
        throw s3Error('remove objects', where, error);
      }
    },

    async list(prefix) {
      folderOfPrefix(prefix);
      const keys: string[] = [];
      let next: string | undefined;
      try {
        do {
          const page = await client.send(
            new ListObjectsV2Command({
              ...inBucket,
              Prefix: prefix,
              ...(next !== undefined && { ContinuationToken: next }),
            }),
          );
          for (const { Key } of page.Contents ?? []) {
            if (Key !== undefined && !Key.endsWith('/')) keys.push(Key);
          }
          next = page.NextContinuationToken;
        } while (next !== undefined);
      } catch (error) {
        throw s3Error('list objects', where, error);
      }
      return keys.sort();
    },

    async check() {
      try {
        await client.send(new HeadBucketCommand(inBucket));
      } catch (error) {
        throw s3Error('use objects', where, error);
      }
    },

    async close() {
      client.destroy();
    },
  };
}

async function sha256Of(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('base64');
}

async function* readOn(
  stream: Readable,
  toError: (error: unknown) => Error,
): AsyncIterable<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw toError(error);
  }
}

/** Closes the stream, and so the connection, where there is more. */
async function readBeginning(stream: Readable, limit: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= limit) break;
  }
  return Buffer.concat(chunks, Math.min(length, limit));
}
