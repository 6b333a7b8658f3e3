import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFrontend, type TestFrontend } from '../testing/start-frontend.ts';

let frontend: TestFrontend;
let port: number;
beforeAll(async () => {
  frontend = await startFrontend();
  await frontend.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = frontend.app.server.address() as AddressInfo);
});
afterAll(() => frontend.close());

it('drops a connection whose request never comes to an end', async () => {
  frontend.app.server.headersTimeout = 200;
  frontend.app.server.requestTimeout = 500;
  const dripping = async (text: string) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    socket.write(text);
    await once(socket, 'close');
    return answer;
  };
  const post = 'POST /trpc/generations.create HTTP/1.1\r\nhost: x\r\n';
  const [headers, body] = await Promise.all([
    dripping(post),
    dripping(`${post}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"prompt":`),
  ]);
  expect(headers).toMatch(/^HTTP\/1\.1 408 /);
  expect(body).toMatch(/^HTTP\/1\.1 408 |^$/);
}, 20_000);
