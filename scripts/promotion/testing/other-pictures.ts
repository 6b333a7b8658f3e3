import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { GenerationInput } from '@darkroom/contract';

/**
 * Another address of an API, by which it makes other pictures than are asked for: as an environment whose
 * runtime or GPU computes otherwise.
 */
export async function serveOtherPictures(api: string): Promise<{ url: string; close(): void }> {
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '', headers } = request;
    const left = new AbortController();
    response.on('close', () => left.abort());
    const body = await text(request);
    const isAsked = url.startsWith('/trpc/generations.create');
    const { 'content-type': type, authorization = '', accept = '*/*' } = headers;
    const answer = await fetch(new URL(url, api), {
      method,
      headers: { authorization, accept, ...(type !== undefined && { 'content-type': type }) },
      ...(method === 'POST' && { body: isAsked ? withOtherSeed(body) : body }),
      signal: left.signal,
    });
    response.writeHead(answer.status, {
      'content-type': answer.headers.get('content-type') ?? 'application/octet-stream',
    });
    // Its caller may leave before the end.
    if (answer.body === null) response.end();
    else await pipeline(Readable.fromWeb(answer.body), response).catch(() => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const withOtherSeed = (body: string) => {
  const input = JSON.parse(body) as GenerationInput & { seed: number };
  return JSON.stringify({ ...input, seed: input.seed + 1 });
};
