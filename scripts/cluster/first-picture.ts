import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createClient } from '@darkroom/client/source';
import { CommandFailure } from '../commands/failure.ts';

/** A picture made by the cluster, and how long it took. */
export type FirstPicture = { file: string; seconds: number };

/**
 * Makes one picture through the cluster's own address, as its users do.
 *
 * @param tell told how far it is, and why it waits
 * @throws CommandFailure when it is not made within `limitMs`
 */
export async function makePicture(options: {
  url: string;
  apiKey: string;
  prompt: string;
  file: string;
  limitMs: number;
  tell: (what: string) => void;
  signal?: AbortSignal | undefined;
}): Promise<FirstPicture> {
  const { url, apiKey, prompt, file, limitMs, tell, signal } = options;
  const client = createClient({ url, apiKey });
  const limit = AbortSignal.timeout(limitMs);
  const began = performance.now();
  try {
    const generation = await client.generate(
      { prompt, seed: 7 },
      {
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        onProgress: ({ step, steps }) => tell(`step ${step} of ${steps}`),
      },
    );
    const [image] = generation.images;
    if (image === undefined) throw new CommandFailure(`no picture was made: ${generation.state}`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, await client.fetchImage(image));
  } catch (error) {
    signal?.throwIfAborted();
    if (!limit.aborted) throw error;
    throw new CommandFailure(
      `no picture within ${limitMs / 1_000} s; see: kubectl -n darkroom get pods,scaledobjects`,
    );
  }
  return { file, seconds: (performance.now() - began) / 1_000 };
}
