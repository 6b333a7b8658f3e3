import type { Headers } from './links.ts';
import { HttpError, type Patience, persist } from './persist.ts';
import type { Image } from './types.ts';

export type FetchImageOptions = {
  /** Aborting rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /**
   * The largest file to accept, in bytes.
   * @default 67_108_864 (64 MiB)
   */
  maxBytes?: number | undefined;
};

const MAX_BYTES = 64 * 2 ** 20;

/** The PNG file behind an image's path on the frontend, checked against its SHA-256. */
export function fetchImage(
  image: Pick<Image, 'url' | 'sha256'>,
  { signal, maxBytes = MAX_BYTES }: FetchImageOptions,
  headers: Headers,
  patience: Patience,
): Promise<Uint8Array> {
  const attempt = async () => {
    const response = await fetch(`${patience.url}${image.url}`, {
      headers: headers(),
      signal: signal ?? null,
    });
    if (!response.ok) {
      const answer = (await response.text()).slice(0, 200);
      throw new HttpError(response.status, `${image.url}: HTTP ${response.status} ${answer}`);
    }
    const bytes = await readAtMost(maxBytes, response, image.url);
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    if (sha256 !== image.sha256) {
      throw new Error(
        `${image.url}: the file's SHA-256 is ${sha256}, not ${image.sha256}; fetch it again, and if that repeats the stored file is damaged`,
      );
    }
    return bytes;
  };
  return persist(attempt, { ...patience, signal });
}

/** The whole body, or a RangeError as soon as more than `maxBytes` are announced or have come. */
async function readAtMost(
  maxBytes: number,
  { headers, body }: Response,
  url: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by a throw cancels the rest of the body.
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (Math.max(size, Number(headers.get('content-length'))) > maxBytes) {
      throw new RangeError(
        `${url}: the file is larger than ${maxBytes} bytes; accept more with maxBytes`,
      );
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
