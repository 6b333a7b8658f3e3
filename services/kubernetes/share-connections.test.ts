import { CoreV1Api } from '@kubernetes/client-node';
import { expect, onTestFinished, test, vi } from 'vitest';
import { shareConnections } from './share-connections.ts';
import { serveApi } from './testing/serve-api.ts';

/** A client, and how many connections its server has seen. */
async function rig() {
  let made = 0;
  const { server, config } = await serveApi((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"kind":"Node","apiVersion":"v1","metadata":{"name":"node"}}');
  });
  server.on('connection', () => {
    made += 1;
  });
  const renew = shareConnections(config);
  const api = config.makeApiClient(CoreV1Api);
  const ask = async (times: number) => {
    for (let asked = 0; asked < times; asked += 1) await api.readNode({ name: 'node' });
  };
  return { ask, renew, made: () => made };
}

test('requests share connections', async () => {
  const { ask, made } = await rig();
  await ask(20);
  // A second, where the first is not free in time.
  expect(made()).toBeLessThan(3);
});

test('connections are new after they were renewed, and after a while', async () => {
  const { ask, renew, made } = await rig();
  await ask(1);
  renew();
  await ask(1);
  expect(made()).toBe(2);
  const now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 30_001);
  onTestFinished(() => clock.mockRestore());
  await ask(1);
  expect(made()).toBe(3);
});
