import { METADATA_KEYWORD, type PictureMetadata, toSeed } from '@darkroom/contract';
import type { SchedulerUsed } from '@darkroom/diffusion';
import type { Identity } from './identity.ts';
import type { InferenceRequest, LoadedModel } from './protocol.ts';
import { webuiParameters } from './webui-parameters.ts';

/** What made a picture. */
type Making = {
  request: InferenceRequest;
  scheduler: SchedulerUsed;
  /** Whether the VAE decoded it in tiles. */
  vaeTiling: boolean;
  modelDigest: string;
  identity: Pick<Identity, 'engine' | 'onnxruntime' | 'node' | 'executionProviders'> &
    Pick<LoadedModel, 'provider'>;
};

/**
 * The texts that a picture's file carries: `parameters` in the form of the webui, which galleries read,
 * and all of the metadata as JSON.
 */
export function pictureText(making: Making): Record<string, string> {
  const metadata = metadataOf(making);
  return {
    parameters: webuiParameters(metadata),
    [METADATA_KEYWORD]: JSON.stringify(metadata),
  };
}

/** Fields in one order, so that equal metadata are equal bytes. */
function metadataOf({
  request,
  scheduler,
  vaeTiling,
  modelDigest,
  identity,
}: Making): PictureMetadata {
  const { model, prompt, negativePrompt, seed, initImage: _, mask: __, uploads, ...rest } = request;
  const { name, className, config } = scheduler;
  return {
    version: 1,
    // The scheduler's name was taken by the engine, so it is one of the contract's.
    request: {
      model,
      prompt,
      negativePrompt,
      seed: toSeed(BigInt(seed)),
      ...(sorted({ ...rest, ...uploads }) as Omit<
        PictureMetadata['request'],
        'model' | 'prompt' | 'negativePrompt' | 'seed'
      >),
    },
    modelDigest,
    scheduler: {
      name,
      className,
      config: sorted(config) as PictureMetadata['scheduler']['config'],
    },
    ...(vaeTiling && { vaeTiling }),
    engine: identity.engine,
    onnxruntime: identity.onnxruntime,
    node: identity.node,
    executionProviders: identity.executionProviders,
    provider: identity.provider,
  };
}

/** By name and without what is undefined; JSON has no infinite numbers. */
const sorted = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, isInfinite(value) ? String(value) : value] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );

const isInfinite = (value: unknown): boolean =>
  typeof value === 'number' && !Number.isFinite(value);
