import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { closeWithin } from './close-within.ts';
import { startFrontend } from './testing/start-frontend.ts';

test('a request that was begun before it closes is answered, and ends its connection', async () => {
  const frontend = await startFrontend();
  const { server } = frontend.app;
  await frontend.app.listen({ host: '127.0.0.1', port: 0 });
  const accepted = once(server, 'connection');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let answers = '';
  socket.on('data', (data) => {
    answers += data;
  });
  const [atServer] = (await accepted) as [Socket];
  const ended = once(socket, 'close');
  socket.write('GET /trpc/models.list HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await vi.waitFor(() => expect(answers).toContain('pinhole'));
  answers = '';

  const begun = 'GET /trpc/generations.list HTTP/1.1\r\n';
  const before = atServer.bytesRead;
  socket.write(begun);
  await vi.waitFor(() => expect(atServer.bytesRead).toBe(before + begun.length));
  const closed = frontend.close();
  await vi.waitFor(() => expect(server.listening).toBe(false));
  socket.write('host: localhost\r\n\r\n');
  await Promise.all([closed, ended]);
  expect(answers).toContain('HTTP/1.1 200 OK');
  expect(answers).toContain('"generations":[]');
});

test('a request that is not answered within the grace does not hold up the end', async () => {
  const frontend = await startFrontend();
  const { server } = frontend.app;
  const origin = await frontend.app.listen({ host: '127.0.0.1', port: 0 });
  const reached = Promise.withResolvers<void>();
  vi.spyOn(frontend.store, 'list').mockImplementation(() => {
    reached.resolve();
    return new Promise(() => {});
  });
  const hanging = fetch(`${origin}/trpc/generations.list`);
  await reached.promise;
  await Promise.all([expect(hanging).rejects.toThrow(), closeWithin(frontend.app, 50)]);
  expect(server.listening).toBe(false);
  vi.restoreAllMocks();
  await frontend.close();
});
