import type { AppRouter } from '@darkroom/frontend';
import { TRPCClientError } from '@trpc/client';
import type { Headers } from './links.ts';
import { type Patience, persist } from './persist.ts';
import type { Upload } from './types.ts';

/** Longest wait for the answer to an upload, in milliseconds. */
const ANSWER_TIME_LIMIT_MS = 60_000;

/** A picture file at the frontend, for requests to name; the same file is the same upload. */
export function upload(
  file: Uint8Array | Blob,
  { signal }: { signal?: AbortSignal | undefined },
  headers: Headers,
  patience: Patience,
): Promise<Upload> {
  const attempt = async () => {
    const limit = AbortSignal.timeout(ANSWER_TIME_LIMIT_MS);
    const response = await fetch(`${patience.url}/uploads`, {
      method: 'POST',
      // What it really is, the service finds out.
      headers: { ...headers(), 'content-type': 'application/octet-stream' },
      body: file as Blob,
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    if (response.ok) return (await response.json()) as Upload;
    throw await refusalOf(response);
  };
  return persist(attempt, { ...patience, signal });
}

/** The service refuses an upload in the form of its procedures; a proxy before it does not. */
async function refusalOf(response: Response): Promise<TRPCClientError<AppRouter>> {
  const text = await response.text();
  const meta = { response };
  try {
    return TRPCClientError.from(JSON.parse(text), { meta });
  } catch {
    const message = `/uploads: HTTP ${response.status} ${text.slice(0, 200)}`;
    return new TRPCClientError(message, { meta });
  }
}
