import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type DarkroomClient } from '@darkroom/client/source';
import {
  findModel,
  type GenerationRequest,
  generationInput,
  modelCatalogue,
  resolveRequest,
} from '@darkroom/contract';
import { z } from 'zod';
import { CommandFailure } from '../commands/failure.ts';
import { pictureDifference } from '../commands/picture-difference.ts';
import { MANIFESTS_FOLDER } from '../release/lock.ts';
import type { Release } from '../release/read-release.ts';
import type { Manifest } from '../render/manifest.ts';
import type { KubeApi } from './kube-api.ts';
import type { Target } from './target.ts';

/** Requests whose pictures are known, since the environment that a release comes from has made them. */
const goldenFile = z.array(
  generationInput
    // Uploads are of one environment.
    .omit({ initImage: true, mask: true, strength: true, previews: true })
    .required({ seed: true }),
);

/** A request with every choice made, so that no default of an environment decides. */
export type GoldenRequest = Omit<
  GenerationRequest,
  'count' | 'initImage' | 'mask' | 'strength' | 'previews'
>;
export type GoldenPicture = { request: GoldenRequest; png: Uint8Array };

/** The golden requests of a release's models: `models/NAME/golden.json` of each. */
export async function goldenRequests({ folder, lock }: Release): Promise<GoldenRequest[]> {
  const ofModels = Object.keys(lock.models).map(async (name) => {
    const at = (file: string) => join(folder, MANIFESTS_FOLDER, 'models', name, file);
    const catalogue = modelCatalogue.parse(JSON.parse(await readFile(at('model.json'), 'utf8')));
    const text = await readFile(at('golden.json'), 'utf8').catch(() => {
      throw new CommandFailure(
        `${at('golden.json')} is missing: name requests whose pictures show that ${name} is right`,
      );
    });
    return goldenFile.parse(JSON.parse(text)).map((input) => {
      const resolved = resolveRequest(input, findModel(catalogue, name), 0);
      const { count: _, initImage: __, mask: ___, strength: ____, ...request } = resolved;
      return request;
    });
  });
  return (await Promise.all(ofModels)).flat();
}

/**
 * Makes the pictures through an environment's own address, as its callers do.
 *
 * @throws CommandFailure where one is not made in time
 */
export async function makeGoldenPictures(
  client: DarkroomClient,
  requests: readonly GoldenRequest[],
  {
    target: { name, pictureSeconds },
    tell,
    signal,
  }: {
    target: Pick<Target, 'name' | 'pictureSeconds'>;
    tell: (what: string) => void;
    signal: AbortSignal;
  },
): Promise<GoldenPicture[]> {
  const pictures: GoldenPicture[] = [];
  for (const request of requests) {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(pictureSeconds * 1_000)]);
    tell(request.prompt);
    try {
      const generation = await client.generate(request, { signal: limit });
      const [image] = generation.images;
      if (image === undefined)
        throw new Error(`generation ${generation.id} has ${generation.state}`);
      pictures.push({ request, png: await client.fetchImage(image, { signal: limit }) });
    } catch (error) {
      signal.throwIfAborted();
      const why = limit.aborted ? `not within ${pictureSeconds} s` : (error as Error).message;
      throw new CommandFailure(`${name} does not make the picture of "${request.prompt}": ${why}`);
    }
  }
  return pictures;
}

/** @throws CommandFailure that names the request whose picture is another */
export function comparePictures(
  expected: readonly GoldenPicture[],
  pictures: readonly GoldenPicture[],
  { who, tolerance }: { who: string; tolerance: number },
): void {
  for (const [index, { request, png }] of expected.entries()) {
    const other = pictures[index];
    const difference = other === undefined ? 255 : pictureDifference(png, other.png).largest;
    if (difference <= tolerance) continue;
    throw new CommandFailure(
      `${who} makes another picture of "${request.prompt}" (seed ${request.seed}): its values differ by up to ` +
        `${difference} of 255, and pictureTolerance allows ${tolerance}`,
    );
  }
}

/** The client of an environment, with the key that its cluster has for it. */
export async function clientOf(
  api: KubeApi,
  { url, apiKey, name }: Target,
): Promise<DarkroomClient> {
  const secret = await api.get<Manifest & { data?: Record<string, string> }>({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: apiKey.secret, namespace: 'darkroom' },
  });
  const value = secret?.data?.[apiKey.key];
  if (value === undefined) {
    throw new CommandFailure(
      `${name} has no Secret darkroom/${apiKey.secret} with the key ${apiKey.key}: put an API key there that may ` +
        'make pictures and read the status, or name another Secret as apiKey in target.yaml',
    );
  }
  return createClient({ url, apiKey: Buffer.from(value, 'base64').toString() });
}
