import { DarkroomError } from '@darkroom/contract';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { requireScope } from './access/callers.ts';
import { type CallGuard, callerOf } from './access/guard-calls.ts';
import type { FrontendFigures } from './figures.ts';
import { fileOf } from './present.ts';
import type { FrontendServices } from './services.ts';

const imagePath = z.object({ generation: z.uuid(), file: z.string() });

/**
 * Serves finished pictures at `/images/:generation/:file`. Only files that the caller's own record
 * names are looked for; a picture never changes, so it may be kept for ever.
 */
export function serveImages(
  app: FastifyInstance,
  { store, objects }: Pick<FrontendServices, 'store' | 'objects'>,
  { imagesServed }: Pick<FrontendFigures, 'imagesServed'>,
  guard: CallGuard,
): void {
  app.get('/images/:generation/:file', { onRequest: guard }, async (request, reply) => {
    const path = imagePath.safeParse(request.params);
    if (!path.success) throw notFound(request.url);
    const { generation, file } = path.data;
    const caller = callerOf(request);
    requireScope(caller, 'generations:read');
    const record = await store.get(caller.tenant, generation);
    const image = record?.images.find((candidate) => fileOf(candidate) === file);
    if (image === undefined) throw notFound(request.url);

    const etag = `"${image.sha256}"`;
    const held = request.headers['if-none-match']?.includes(etag);
    const object = held ? undefined : await objects.get(image.key).catch(withoutPlace);
    if (!held && object === undefined) throw notFound(request.url);
    // Not before: an error is not to be kept for ever.
    reply
      .header('etag', etag)
      .header('cache-control', 'private, max-age=31536000, immutable')
      .header('x-content-type-options', 'nosniff');
    if (object === undefined) return reply.code(304).send();
    imagesServed.inc();
    return reply.type(object.contentType).send(object.bytes);
  });
}

/** Where pictures are kept is the operator's to know: the log tells it, of the cause. */
function withoutPlace(cause: unknown): never {
  if (!(cause instanceof DarkroomError) || cause.kind !== 'unavailable') throw cause;
  const message = 'the picture cannot be read now; it is safe, try again shortly';
  throw new DarkroomError('unavailable', message, { cause });
}

const notFound = (url: string) =>
  new DarkroomError(
    'not-found',
    `there is no picture at ${url.slice(0, 200)}; images[].url of a generation says where they are`,
  );
