import { DarkroomError } from '@darkroom/contract';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Accept } from '../accept/accept.ts';
import { requireScope } from '../access/callers.ts';
import type { FrontendMetrics } from '../metrics.ts';
import type { CallGuard } from './guard-calls.ts';
import { requesterOf } from './requester-of.ts';

const imagePath = z.object({ generation: z.uuid(), file: z.string() });

/**
 * Serves finished pictures at `/images/:generation/:file`. Only files that the caller's own record
 * names are looked for. A picture never changes, so it may be cached without end. It is sent whole:
 * its digest is checked before, and there is little to resume.
 */
export function serveImages(
  app: FastifyInstance,
  accept: Pick<Accept, 'picture'>,
  { imagesServed }: Pick<FrontendMetrics, 'imagesServed'>,
  guard: CallGuard,
): void {
  app.get('/images/:generation/:file', { onRequest: guard }, async (request, reply) => {
    const path = imagePath.safeParse(request.params);
    if (!path.success) throw notFound(request.url);
    const { generation: id, file } = path.data;
    const requester = requesterOf(request);
    requireScope(requester.caller, 'generations:read');
    const picture = await accept.picture({ id, file }, requester);
    if (picture === undefined) throw notFound(request.url);

    const etag = `"${picture.sha256}"`;
    const held = matches(request.headers['if-none-match'], etag);
    const object = held ? undefined : await picture.read();
    if (!held && object === undefined) throw notFound(request.url);
    // Not before: an error must not be cached.
    reply
      .header('etag', etag)
      .header('cache-control', 'private, max-age=31536000, immutable')
      .header('accept-ranges', 'none')
      .header('x-content-type-options', 'nosniff');
    if (object === undefined) return reply.code(304).send();
    if (request.method === 'GET') imagesServed.add(1);
    return reply.type(object.contentType).send(object.bytes);
  });
}

/**
 * Whether an `If-None-Match` covers the picture: by `*`, or by a list with its tag, weak or strong.
 * https://www.rfc-editor.org/rfc/rfc9110#field.if-none-match
 */
const matches = (condition: string | undefined, etag: string): boolean =>
  (condition ?? '').split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));

const notFound = (url: string) =>
  new DarkroomError(
    'not-found',
    `there is no picture at ${url.slice(0, 200)}; images[].url of a generation says where they are`,
  );
