import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** What RFC 6455, 1.3 makes the answer of. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const [BINARY, CLOSE] = [0x2, 0x8];
/** The first byte of a message: what it belongs to. */
const [DATA, ERROR] = [0, 1];

/** Lets an API server forward ports of pods (`v4.channel.k8s.io`), all of which are ports of this machine. */
export function servePortForward(server: Server): void {
  server.on('upgrade', (request, client: Duplex) => {
    const key = request.headers['sec-websocket-key'];
    const port = Number(new URL(request.url ?? '', 'http://x').searchParams.get('ports'));
    client.write(
      [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Accept: ${createHash('sha1').update(`${key}${GUID}`).digest('base64')}`,
        'Sec-WebSocket-Protocol: v4.channel.k8s.io',
        ...['', ''],
      ].join('\r\n'),
    );
    const pod = connect(port, '127.0.0.1');
    const send = (stream: number, content: Uint8Array) =>
      client.write(frame(BINARY, Buffer.concat([Buffer.of(stream), content])));
    for (const stream of [DATA, ERROR]) send(stream, Buffer.of(port & 0xff, port >> 8));
    pod.on('data', (content) => {
      if (send(DATA, content)) return;
      pod.pause();
      client.once('drain', () => pod.resume());
    });
    pod.on('end', () => client.end(frame(CLOSE, Buffer.alloc(0))));
    readFrames(client, (opcode, content) => {
      if (opcode === CLOSE) client.end(frame(CLOSE, Buffer.alloc(0)));
      else pod.write(content.subarray(1));
    });
    client.on('close', () => pod.destroy());
    for (const end of [pod, client]) end.on('error', () => client.destroy());
  });
}

function frame(opcode: number, content: Uint8Array): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt8(0x80 | opcode, 0);
  // Always the longest form, which a client takes for any length.
  head.writeUInt8(127, 1);
  head.writeBigUInt64BE(BigInt(content.length), 2);
  return Buffer.concat([head, content]);
}

/** Of a client: whole messages, masked (RFC 6455, 5.2). */
function readFrames(client: Duplex, onFrame: (opcode: number, content: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  client.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const short = (rest[1] ?? 0) & 0x7f;
      const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
      const begin = 2 + lengthBytes + 4;
      if (rest.length < begin) return;
      const length = lengthBytes === 0 ? short : Number(`0x${rest.toString('hex', 2, begin - 4)}`);
      if (rest.length < begin + length) return;
      const mask = rest.subarray(begin - 4, begin);
      const content = Buffer.from(rest.subarray(begin, begin + length));
      for (let i = 0; i < length; i++) content[i] = (content[i] ?? 0) ^ (mask[i % 4] ?? 0);
      onFrame((rest[0] ?? 0) & 0xf, content);
      rest = rest.subarray(begin + length);
    }
  });
}
