import { z } from 'zod';
import { generationRequest } from './generation.ts';

/** The keyword of a PNG file's text that holds a picture's metadata as JSON. */
export const METADATA_KEYWORD = 'darkroom';

/**
 * What made a picture, as its own file carries it. The same request, model, engine and runtime give
 * the same metadata: it has no id, no time, no host and nobody's name.
 */
export const pictureMetadata = z.object({
  version: z.literal(1),
  /** Makes this picture alone: of picture i, the seed is the request's plus i. */
  request: generationRequest.omit({ count: true, previews: true }).strict(),
  /** `sha256:…` over the files of the model's folder, as `models verify` tells it. */
  modelDigest: z.string(),
  scheduler: z.object({
    /** As callers write it. */
    name: z.string(),
    /** As diffusers calls it. */
    className: z.string(),
    /** With what the request chose and with defaults; infinite numbers as text. */
    config: z.record(z.string(), z.json()),
  }),
  /** The VAE decoded it in tiles; absent: in one. */
  vaeTiling: z.literal(true).optional(),
  /** Darkroom's engine. */
  engine: z.string(),
  onnxruntime: z.string(),
  node: z.string(),
  /** Those that were asked for, in order of preference, in the runtime's words. */
  executionProviders: z.array(z.string()),
  /** The one of them that was seen to run the model; earlier releases did not look. */
  provider: z.string().optional(),
});
export type PictureMetadata = z.infer<typeof pictureMetadata>;
