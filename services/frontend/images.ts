import { DarkroomError } from '@darkroom/contract';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { TENANT } from './context.ts';
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
): void {
  app.get('/images/:generation/:file', async (request, reply) => {
    const path = imagePath.safeParse(request.params);
    if (!path.success) throw notFound(request.url);
    const { generation, file } = path.data;
    const record = await store.get(TENANT, generation);
    const image = record?.images.find((candidate) => fileOf(candidate) === file);
    if (image === undefined) throw notFound(request.url);

    const etag = `"${image.sha256}"`;
    reply
      .header('etag', etag)
      .header('cache-control', 'private, max-age=31536000, immutable')
      .header('x-content-type-options', 'nosniff');
    if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send();

    const object = await objects.get(image.key);
    if (object === undefined) throw notFound(request.url);
    imagesServed.inc();
    return reply.type(object.contentType).send(object.bytes);
  });
}

const notFound = (url: string) =>
  new DarkroomError(
    'not-found',
    `there is no picture at ${url.slice(0, 200)}; images[].url of a generation says where they are`,
  );
