import { memoryUsage } from 'node:process';
import { createRandom } from '@darkroom/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectRaw } from '../testing/hostile/raw-connection.ts';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
let origin: string;
beforeAll(async () => {
  frontend = await startFrontend();
  origin = await frontend.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => frontend.close());

const post =
  'POST /trpc/generations.create HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

/** The status of each answer on a connection that then ends. */
async function statuses(bytes: Buffer | string): Promise<string[]> {
  const { socket, ended } = await connectRaw(origin);
  socket.end(bytes);
  return [...(await ended).matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status = '']) => status);
}

const isAlive = async () => expect((await fetch(`${origin}/healthz`)).status).toBe(200);

describe('bytes that are no request of HTTP', () => {
  it.each([
    ['nothing of it', '\0\0\0\0\r\n\r\n', ['400']],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), ['400']],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ['400']],
    ['another version', 'GET / HTTP/9.9\r\n\r\n', ['400']],
    ['another method', 'STEAL /healthz HTTP/1.1\r\nhost: x\r\n\r\n', ['400']],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', ['400']],
    ['a header without a colon', 'GET /healthz HTTP/1.1\r\nhost x\r\n\r\n', ['400']],
    ['a null byte in a header', 'GET /healthz HTTP/1.1\r\nhost: x\r\na: \0\r\n\r\n', ['400']],
    ['a folded header', 'GET /healthz HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n', ['400']],
    [
      'headers of 20 kB',
      `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
      ['431'],
    ],
    [
      'two lengths, as who smuggles requests sends them',
      `${post}content-length: 2\r\ncontent-length: 40\r\n\r\n{}GET /healthz HTTP/1.1\r\n\r\n`,
      ['400'],
    ],
    [
      'a length and chunks',
      `${post}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n`,
      ['400'],
    ],
    ['a negative length', `${post}content-length: -1\r\n\r\n`, ['400']],
    [
      'chunks of no size',
      `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      ['400'],
    ],
    ['an expectation of its own', `${post}expect: nothing\r\ncontent-length: 0\r\n\r\n`, ['417']],
    [
      'an upgrade',
      'GET /trpc/models.list HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      ['200'],
    ],
  ])('is answered or hung up on: %s', async (_, bytes, expected) => {
    expect(await statuses(bytes)).toEqual(expected);
    await isAlive();
  });

  const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 1_000_000);
  it(`is answered or hung up on: 300 times any bytes, seed ${seed}`, async () => {
    const random = createRandom(Math.imul(seed, 0x9e3779b1), 'bytes');
    const sound = Buffer.from(`${post}content-length: 14\r\n\r\n{"prompt":"x"}`);
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(sound);
      for (let changes = 0; changes < 1 + random.next() * 6; changes++) {
        bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
      }
      for (const status of await statuses(bytes))
        expect(Number(status), String(bytes)).toBeLessThan(500);
    }
    await isAlive();
  });
});

describe('a body that is too large', () => {
  const MIB = 1024 * 1024;

  it('is refused by its length before it has come', async () => {
    const { socket, ended } = await connectRaw(origin);
    socket.write(`${post}content-length: ${10_000 * MIB}\r\n\r\n{"prompt":"`);
    expect(await ended).toContain('413');
  });

  it('is refused when it goes on and on, and takes no memory with it', async () => {
    const before = memoryUsage().rss;
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const pour = async () => {
      const { socket, ended } = await connectRaw(origin);
      socket.write(`${post}transfer-encoding: chunked\r\n\r\n`);
      const more = () => {
        while (socket.writable && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
      return await ended;
    };
    for (const answer of await Promise.all(Array.from({ length: 20 }, pour))) {
      // Reset before it was read, at worst.
      expect(answer === '' || answer.includes('413'), answer.slice(0, 200)).toBe(true);
    }
    expect(memoryUsage().rss - before).toBeLessThan(250 * MIB);
    await isAlive();
  });
});

describe('callers that send slower and slower', () => {
  it('are cut off after ten seconds of a header, and nobody waits for them', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, () => connectRaw(origin)));
    const began = performance.now();
    for (const { socket } of slow) socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n');
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write('x-a: b\r\n');
    }, 500);
    const { status } = await frontend.mutate('generations.create', { prompt: 'x' });
    expect(status).toBe(200);
    await isAlive();
    const answers = await Promise.all(slow.map(({ ended }) => ended));
    clearInterval(drip);
    expect(performance.now() - began).toBeLessThan(20_000);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408/);
  });
});
