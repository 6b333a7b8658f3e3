import type { AppRouter } from '@darkroom/frontend';
import { createTRPCClient, type TRPCClient } from '@trpc/client';
import { type FetchImageOptions, fetchImage } from './fetch-image.ts';
import { generate } from './generate.ts';
import { authorization, createLinks } from './links.ts';
import { persist } from './persist.ts';
import type { Generation, GenerationInput, Image, Upload } from './types.ts';
import { upload } from './upload.ts';
import { type WaitOptions, watchToEnd } from './watch-to-end.ts';

export type ClientOptions = {
  /** Where the frontend answers, such as `http://127.0.0.1:8080`. */
  url: string;
  /** Sent as `Authorization: Bearer …`. */
  apiKey?: string | undefined;
  /**
   * Headers for every request, asked for at each: a `traceparent`, for example.
   * @default none
   */
  headers?: (() => Record<string, string>) | undefined;
  /**
   * How long `generate`, `waitFor`, `fetchImage` and `upload` keep trying while the service cannot be reached, in
   * milliseconds.
   * @default 30_000
   */
  patienceMs?: number | undefined;
};

/** The service's procedures (`generations`, `models`, `system`), and what is built on them. */
export type DarkroomClient = Pick<TRPCClient<AppRouter>, 'generations' | 'models' | 'system'> & {
  /**
   * Asks for pictures and resolves with the generation once it is `succeeded`, `failed` or
   * `canceled`. Connections may break meanwhile: nothing is asked for twice. Aborting the signal
   * cancels the generation.
   *
   * @throws TRPCClientError when the service refuses the request
   * @throws UnreachableError when the service stays out of reach
   */
  generate(input: GenerationInput, options?: WaitOptions): Promise<Generation>;
  /** Resolves once the generation is finished, however often the connection breaks meanwhile. */
  waitFor(id: string, options?: WaitOptions): Promise<Generation>;
  /**
   * The PNG file of a finished picture, checked against its SHA-256.
   *
   * @throws RangeError when the file is larger than `maxBytes`
   * @throws UnreachableError when the service stays out of reach
   */
  fetchImage(
    image: Pick<Image, 'url' | 'sha256'>,
    options?: FetchImageOptions,
  ): Promise<Uint8Array>;
  /**
   * Sends a picture file, for `initImage` and `mask` of a request to name by its `upload`. Sending the
   * same file again is the same upload.
   *
   * @throws TRPCClientError when the service refuses the file
   * @throws UnreachableError when the service stays out of reach
   */
  upload(file: Uint8Array | Blob, options?: { signal?: AbortSignal | undefined }): Promise<Upload>;
};

export function createClient(options: ClientOptions): DarkroomClient {
  const url = baseOf(options.url);
  const { apiKey, patienceMs = 30_000 } = options;
  const patience = { url, patienceMs };
  const headers = () => ({ ...options.headers?.(), ...authorization(apiKey) });
  const trpc = createTRPCClient<AppRouter>({ links: createLinks(url, headers) });
  return {
    generations: trpc.generations,
    models: trpc.models,
    system: trpc.system,
    generate: (input, generateOptions = {}) => generate(trpc, input, generateOptions, patience),
    waitFor: async (id, waitOptions = {}) => {
      const get = () => trpc.generations.get.query({ id });
      const generation = await persist(get, { ...patience, signal: waitOptions.signal });
      return watchToEnd(trpc, generation, waitOptions, patience);
    },
    fetchImage: (image, fetchOptions = {}) => fetchImage(image, fetchOptions, headers, patience),
    upload: (file, uploadOptions = {}) => upload(file, uploadOptions, headers, patience),
  };
}

/** The address without a trailing slash. */
function baseOf(url: string): string {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new TypeError(`url is ${JSON.stringify(url)}; it must begin with http:// or https://`);
  }
  return url.replace(/\/+$/, '');
}
