import { createHash } from 'node:crypto';
import { checkpointKey, objectPrefix, storedImage, truncation } from '@darkroom/contract';
import { decodeRunState, encodeRunState, ModelError } from '@darkroom/diffusion';
import type { Checkpoint, GenerationRecord } from '@darkroom/generations';
import type { ObjectStore } from '@darkroom/storage';
import { z } from 'zod';
import { stepsDone } from './inference/steps-done.ts';
import { storePictures } from './pictures.ts';
import { newRun, type Run } from './run.ts';

/**
 * The first line of a checkpoint, JSON; the run state's bytes follow it. A reader of another version
 * starts the generation over.
 */
const header = z.object({
  version: z.literal(1),
  generationId: z.uuid(),
  /** Of the request; the run state counts model calls. Absent: written by an earlier release. */
  steps: z.int().optional(),
  /** What made the run state: see `bitsOf`. */
  bits: z.string(),
  /** The pictures that are done; their files lie under the same prefix. */
  pictures: z.array(storedImage),
  /** Of the run; absent where an earlier release has written it. */
  truncated: z.array(truncation).default([]),
});
type Header = z.infer<typeof header>;

const NEWLINE = 10;

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/**
 * Saves a run with the pictures that it has made, for the next attempt to go on from.
 *
 * @returns undefined where nothing is done yet
 * @throws DarkroomError `unavailable` when the object store is away
 */
export async function saveCheckpoint(
  objects: ObjectStore,
  { record, run, bits }: { record: GenerationRecord; run: Run; bits: string },
): Promise<Checkpoint | undefined> {
  if (run.pictures.length === 0 && run.state === undefined) return undefined;
  const pictures = run.pictures.map(({ png: _, ...image }) => image);
  const first: Header = {
    version: 1,
    generationId: record.id,
    steps: record.request.steps,
    bits,
    pictures,
    truncated: run.truncated,
  };
  const state = run.state === undefined ? new Uint8Array(0) : encodeRunState(run.state);
  const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(first)}\n`), state]);
  // Named by its digest, so that a damaged one is found out and none is ever overwritten.
  const key = checkpointKey(record, digest(bytes));
  await Promise.all([
    storePictures(objects, run.pictures),
    objects.put(key, bytes, 'application/octet-stream'),
  ]);
  return { key, picture: pictures.length, step: stepsDone(run.state, record.request.steps) };
}

/** A checkpoint that cannot be gone on from; the message says why. */
export class CheckpointUnusable extends Error {
  override readonly name = 'CheckpointUnusable';
}

/**
 * The run that a checkpoint holds.
 *
 * @throws CheckpointUnusable when it is missing, damaged, of another version, or made by other bits
 *   than those here: the generation is to be started over; DarkroomError `unavailable` when the object
 *   store is away
 */
export async function loadCheckpoint(
  objects: ObjectStore,
  { record, key, bits }: { record: GenerationRecord; key: string; bits: string },
): Promise<Run> {
  const object = await objects.get(key);
  if (object === undefined) throw new CheckpointUnusable('it is not in the object store');
  const { bytes } = object;
  if (key !== checkpointKey(record, digest(bytes))) throw new CheckpointUnusable('it is damaged');
  const end = bytes.indexOf(NEWLINE);
  const parsed = header.safeParse(parseJson(bytes.subarray(0, Math.max(end, 0))));
  if (!parsed.success) throw new CheckpointUnusable('it is of another version');
  if (parsed.data.bits !== bits) {
    throw new CheckpointUnusable('another engine, runtime, provider or model has made it');
  }
  const { request } = record;
  const { generationId, steps, pictures, truncated } = parsed.data;
  const stored = new Set(await objects.list(objectPrefix(record)));
  const missing = pictures.find((picture) => !stored.has(picture.key));
  if (missing !== undefined) throw new CheckpointUnusable(`its picture ${missing.key} is gone`);

  const run: Run = { ...newRun(), pictures, truncated };
  if (end + 1 < bytes.length) run.state = readState(bytes.subarray(end + 1));
  const isOfRequest =
    generationId === record.id &&
    (steps === undefined || steps === request.steps) &&
    pictures.length + (run.state === undefined ? 0 : 1) <= request.count;
  if (!isOfRequest) throw new CheckpointUnusable('it is of another request');
  return run;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

function readState(bytes: Uint8Array): Run['state'] {
  try {
    return decodeRunState(bytes);
  } catch (error) {
    if (error instanceof ModelError) throw new CheckpointUnusable(error.message, { cause: error });
    throw error;
  }
}
