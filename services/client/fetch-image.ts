import { authorization } from './links.ts';
import { HttpError, type Patience, persist } from './persist.ts';
import type { Image } from './types.ts';

/** The PNG file behind an image's path on the frontend, checked against its SHA-256. */
export function fetchImage(
  image: Pick<Image, 'url' | 'sha256'>,
  apiKey: string | undefined,
  patience: Patience,
): Promise<Uint8Array> {
  return persist(async () => {
    const response = await fetch(`${patience.url}${image.url}`, {
      headers: authorization(apiKey),
    });
    if (!response.ok) {
      const answer = (await response.text()).slice(0, 200);
      throw new HttpError(response.status, `${image.url}: HTTP ${response.status} ${answer}`);
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    if (sha256 !== image.sha256) {
      throw new Error(
        `${image.url}: the file's SHA-256 is ${sha256}, not ${image.sha256}; fetch it again, and if that repeats the stored file is damaged`,
      );
    }
    return bytes;
  }, patience);
}
