import { createHash } from 'node:crypto';
import { isTerminal, type Progress } from '@darkroom/contract';
import type { GenerationRecord, StoredImage, WorkerStore } from '@darkroom/generations';
import type { ObjectStore } from '@darkroom/storage';
import type { Inference } from './inference/inference-process.ts';

export type MadePicture = StoredImage & { png: Uint8Array };

/**
 * Makes every picture of a request, one after another; picture i uses seed + i, wrapped at 2³².
 *
 * @param onStep told after each step, counted over all pictures
 * @throws as `Inference.generate`
 */
export async function makePictures(options: {
  inference: Inference;
  record: GenerationRecord;
  signal: AbortSignal;
  onStep: (progress: Progress) => void;
  traceparent: string;
}): Promise<{ pictures: MadePicture[]; modelLoadMs: number; inferenceMs: number }> {
  const { inference, record, signal, onStep, traceparent } = options;
  const { count, ...request } = record.request;
  const steps = request.steps * count;
  const pictures: MadePicture[] = [];
  let modelLoadMs = 0;
  let inferenceMs = 0;
  for (let index = 0; index < count; index++) {
    const seed = (request.seed + index) % 2 ** 32;
    const made = await inference.generate(
      { ...request, seed },
      {
        signal,
        onStep: ({ step }) => onStep({ step: index * request.steps + step, steps }),
        traceparent,
      },
    );
    const { png, width, height } = made;
    const sha256 = createHash('sha256').update(png).digest('hex');
    const key = `${prefixOf(record)}${index}-${sha256}.png`;
    pictures.push({ key, sha256, width, height, seed, png });
    modelLoadMs += made.modelLoadMs;
    inferenceMs += made.inferenceMs;
  }
  return { pictures, modelLoadMs, inferenceMs };
}

/** Keys carry the content's digest, so a rerun to the same bits writes the same objects again. */
const prefixOf = ({ tenant, id }: GenerationRecord): string => `${tenant}/${id}/`;

/** Ends when nothing is being written any more, even where a picture could not be stored. */
export async function storePictures(
  objects: ObjectStore,
  pictures: readonly MadePicture[],
): Promise<void> {
  const puts = pictures.map(({ key, png }) => objects.put(key, png, 'image/png'));
  await Promise.allSettled(puts);
  await Promise.all(puts);
}

/**
 * Removes what attempts left under a generation's prefix and its record does not name.
 *
 * Only once the record is terminal: before, another attempt may be about to name what lies there,
 * since the same bits have the same key. A worker that ends the record collects what was written
 * until then; one that writes later finds its completion refused, and collects its own. So nothing
 * that a record names is ever removed. Of a record that no worker ended (a sweep or a refused claim
 * did: its deadline, its attempts, a cancel) what a dead worker had stored stays.
 */
export async function collectLeftovers(options: {
  store: Pick<WorkerStore, 'get'>;
  objects: ObjectStore;
  record: GenerationRecord;
}): Promise<void> {
  const { store, objects, record } = options;
  const now = await store.get(record.tenant, record.id);
  if (now === undefined || !isTerminal(now.state)) return;
  const named = new Set(now.images.map(({ key }) => key));
  const leftovers = (await objects.list(prefixOf(record))).filter((key) => !named.has(key));
  if (leftovers.length > 0) await objects.remove(leftovers);
}
