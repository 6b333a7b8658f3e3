import type { AppRouter } from '@darkroom/frontend';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';

export type { AppRouter };

type Inputs = inferRouterInputs<AppRouter>;
type Outputs = inferRouterOutputs<AppRouter>;

/** What may be asked for; only `prompt` must be given. */
export type GenerationInput = Inputs['generations']['create'];
/** A request and what has become of it. */
export type Generation = Outputs['generations']['get'];
export type GenerationState = Generation['state'];
/** Steps done of all steps, over all pictures of the request. */
export type Progress = Generation['progress'];
/** A rough picture on the way, as a data URL; in `onProgress` where the request has `previews`. */
export type Preview = NonNullable<Generation['preview']>;
/** One finished picture; `fetchImage` gets its PNG file. */
export type Image = Generation['images'][number];
/** A picture file that the service keeps. */
export type Upload = {
  /** For `initImage` or `mask`. */
  upload: string;
  /** In pixels, turned as its EXIF orientation says. */
  width: number;
  height: number;
  /** Of the file. */
  bytes: number;
};
