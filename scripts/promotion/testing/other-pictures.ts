import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
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
  const server = createServer((request, response) => {
    // Its caller may leave before the end.
    answer(api, request, response).catch(() => response.destroy());
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

async function answer(
  api: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '', headers } = request;
  const left = new AbortController();
  response.on('close', () => left.abort());
  const body = await text(request);
  const isAsked = url.startsWith('/trpc/generations.create');
  const { 'content-type': type, authorization = '', accept = '*/*' } = headers;
  const answered = await fetch(new URL(url, api), {
    method,
    headers: { authorization, accept, ...(type !== undefined && { 'content-type': type }) },
    ...(method === 'POST' && { body: isAsked ? withOtherSeed(body) : body }),
    signal: left.signal,
  });
  response.writeHead(answered.status, {
    'content-type': answered.headers.get('content-type') ?? 'application/octet-stream',
  });
  if (answered.body === null) response.end();
  else await pipeline(Readable.fromWeb(answered.body), response);
}

const withOtherSeed = (body: string) => {
  const input = JSON.parse(body) as GenerationInput & { seed: number };
  return JSON.stringify({ ...input, seed: input.seed + 1 });
};
