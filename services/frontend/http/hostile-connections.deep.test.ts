import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectRaw } from '../testing/hostile/raw-connection.ts';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
let origin: string;
beforeAll(async () => {
  frontend = await startFrontend();
  origin = await frontend.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => frontend.close());

it('cuts off 500 bodies that drip for longer than thirty seconds, and serves others meanwhile', async () => {
  const slow = await Promise.all(Array.from({ length: 500 }, () => connectRaw(origin)));
  for (const { socket } of slow) {
    socket.write(
      'POST /trpc/generations.create HTTP/1.1\r\nhost: x\r\n' +
        'content-type: application/json\r\ncontent-length: 100000\r\n\r\n{"prompt":"',
    );
  }
  const drip = setInterval(() => {
    for (const { socket } of slow) if (socket.writable) socket.write('x');
  }, 1_000);
  const slowest = { ms: 0 };
  let over = false;
  const others = async () => {
    while (!over) {
      const began = performance.now();
      expect((await fetch(`${origin}/trpc/models.list`)).status).toBe(200);
      slowest.ms = Math.max(slowest.ms, performance.now() - began);
    }
  };
  const serving = others();
  const answers = await Promise.all(slow.map(({ ended }) => ended));
  over = true;
  clearInterval(drip);
  await serving;
  for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 408|$)/);
  expect(slowest.ms).toBeLessThan(2_000);
  expect(await frontend.records()).toEqual([]);
});
