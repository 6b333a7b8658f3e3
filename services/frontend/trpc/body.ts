import { isUtf8 } from 'node:buffer';
import { DarkroomError } from '@darkroom/contract';
import { TRPCError } from '@trpc/server';
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Refuses a compressed body before it is read.
 *
 * @throws TRPCError `UNSUPPORTED_MEDIA_TYPE`
 */
export async function refuseEncoding(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return;
  // As RFC 9110, section 15.5.16, asks: what would be taken instead.
  reply.header('accept-encoding', 'identity');
  throw new TRPCError({
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message:
      `the body has content-encoding: ${encoding.slice(0, 100)}, and compressed bodies are not ` +
      'supported; send plain JSON without that header',
  });
}

/**
 * The text of a body. A decoder that is not strict would put U+FFFD in place of what it cannot read,
 * and the prompt would be another.
 *
 * @throws DarkroomError `request`
 */
export function textOf(body: Buffer): string {
  const text = body.toString('utf8');
  if (isUtf8(body)) return text;
  const at = firstDifference(body, Buffer.from(text));
  const byte = body[at]?.toString(16).toUpperCase().padStart(2, '0');
  throw new DarkroomError(
    'request',
    `the body is not valid UTF-8: byte ${at}${byte === undefined ? '' : ` (0x${byte})`} cannot be read; send JSON in UTF-8`,
  );
}

/** What cannot be read becomes U+FFFD, so that the bytes differ from there on. */
function firstDifference(one: Buffer, other: Buffer): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at === -1 ? one.length : at;
}
