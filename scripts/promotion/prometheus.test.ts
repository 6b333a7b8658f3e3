import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openPrometheus, PROMETHEUS } from './prometheus.ts';
import { serveApi } from './testing/api-server.ts';

/** A cluster with a Prometheus on a port of this machine; its Service as it is at each of the first looks. */
async function clusterWith(port: number, readyAtLooks: readonly boolean[]) {
  const looks = [...readyAtLooks];
  const at = `/api/v1/namespaces/${PROMETHEUS.namespace}`;
  const named = { metadata: { name: PROMETHEUS.name } };
  const pod = () => ({
    ...named,
    spec: { containers: [] },
    status: { conditions: [{ type: 'Ready', status: looks.shift() === false ? 'False' : 'True' }] },
  });
  const spec = { selector: { app: 'prometheus' }, ports: [{ port: 9090, targetPort: port }] };
  return serveApi(({ path }) => {
    if (path === `${at}/services/${PROMETHEUS.name}`) {
      return { status: 200, body: { ...named, spec } };
    }
    return path === `${at}/pods` ? { status: 200, body: { items: [pod()] } } : undefined;
  });
}

test('one that is not ready, or hangs up, is asked again', async () => {
  let asked = 0;
  const prometheus = createServer((request, response) => {
    asked += 1;
    if (asked === 1) return request.socket.destroy();
    const result = [{ metric: { instance: 'a' }, value: [0, '7'] }];
    response.end(JSON.stringify({ status: 'success', data: { result } }));
  });
  onTestFinished(() => void prometheus.close());
  await once(prometheus.listen(0, '127.0.0.1'), 'listening');
  const { port } = prometheus.address() as AddressInfo;
  const server = await clusterWith(port, [false, true, false]);
  const opened = await openPrometheus(server.open(), new AbortController().signal);
  onTestFinished(opened.close);
  expect(await opened.query('up')).toEqual([{ labels: { instance: 'a' }, value: 7 }]);
  expect(asked).toBe(2);
});
