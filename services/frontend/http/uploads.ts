import { DarkroomError, UPLOAD_LIMIT, type Upload } from '@darkroom/contract';
import { TRPCError } from '@trpc/server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Accept } from '../accept/accept.ts';
import { requireScope } from '../access/callers.ts';
import { answerError } from './answer-errors.ts';
import type { CallGuard } from './guard-calls.ts';
import { requesterOf } from './requester-of.ts';

/** Uploads in hand at once, in this replica; each holds up to `UPLOAD_LIMIT` bytes of memory. */
const AT_ONCE = 8;

/**
 * Takes a picture file as the body of `POST /uploads`, with an image's content type, and answers its
 * reference and size. What is really in it is decided by its bytes.
 */
export function serveUploads(
  app: FastifyInstance,
  accept: Pick<Accept, 'upload'>,
  guard: CallGuard,
): void {
  let inHand = 0;
  const takePlace: CallGuard = async (_request, reply) => {
    if (inHand >= AT_ONCE) throw tooMany();
    inHand += 1;
    reply.raw.once('close', () => {
      inHand -= 1;
    });
  };
  const mayWrite: CallGuard = async (request) =>
    requireScope(requesterOf(request).caller, 'generations:write');

  // Encapsulated, so that the parsers and the words of refusals are those of this route alone.
  app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser(
      /^(image\/|application\/octet-stream)/,
      { parseAs: 'buffer', bodyLimit: UPLOAD_LIMIT },
      async (_request: FastifyRequest, body: Buffer) => body,
    );
    uploads.setErrorHandler((error, request, reply) =>
      answerError(refusalOf(error), request, reply),
    );
    uploads.post(
      '/uploads',
      { onRequest: [guard, mayWrite, takePlace], bodyLimit: UPLOAD_LIMIT },
      async (request): Promise<Upload> => {
        const file = request.body;
        if (!Buffer.isBuffer(file) || file.length === 0) throw notAnImage('the body is empty');
        return await accept.upload(file, requesterOf(request));
      },
    );
  });
}

/** Fastify's refusals of a body, in words that fit. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('statusCode' in error)) return error;
  if (error.statusCode === 413) {
    const message = `the file is larger than ${UPLOAD_LIMIT / 2 ** 20} MiB; scale it down`;
    return new TRPCError({ code: 'PAYLOAD_TOO_LARGE', message });
  }
  return error.statusCode === 415 ? notAnImage("the content type is not an image's") : error;
}

const notAnImage = (what: string) =>
  new TRPCError({
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message: `${what}; send the picture file itself as the body, as content-type: image/png for example`,
  });

const tooMany = () =>
  new DarkroomError('unavailable', `${AT_ONCE} uploads are in hand here; try again shortly`, {
    retryAfterS: 1,
    expose: true,
  });
