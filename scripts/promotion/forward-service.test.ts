import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { forwardService } from './forward-service.ts';
import { serveApi } from './testing/api-server.ts';

const service = { namespace: 'data', name: 'store', port: 80 };
const ports = [{ port: 80, targetPort: 's3' }];
const selector = { app: 'store' };
const pod = (status: string, containerPort: number) => ({
  spec: { containers: [{ ports: [{ name: 's3', containerPort }] }] },
  status: { conditions: [{ type: 'Ready', status }] },
});

/** A cluster with the Service, where there is one, and a pod. */
async function cluster(
  spec: object | undefined,
  { status = 'True', port = 7070 }: { status?: string; port?: number } = {},
) {
  const server = await serveApi();
  const at = '/api/v1/namespaces/data';
  const of = (kind: string) => ({ apiVersion: 'v1', kind, metadata: { name: 'store' } });
  if (spec !== undefined) server.objects.set(`${at}/services/store`, { ...of('Service'), spec });
  server.objects.set(`${at}/pods/store`, { ...of('Pod'), ...pod(status, port) });
  return server;
}

test.each<[string, object | undefined, string, RegExp]>([
  ['no Service', undefined, 'True', /is not there/],
  ['no such port', { selector, ports: [{ port: 443 }] }, 'True', /has no port 80/],
  ['no selector', { ports }, 'True', /selects no pods/],
  ['no pod that is ready', { selector, ports }, 'False', /has no pod that is ready/],
])('%s is told before anything is led there', async (_, spec, status, words) => {
  const server = await cluster(spec, { status });
  const forwarded = forwardService(server.open({ patienceMs: 0 }), service);
  await expect(forwarded).rejects.toThrow(/^Service data\/store of production /);
  await expect(forwarded).rejects.toThrow(words);
});

test('each connection asks for the pod that is ready then, which ends with it where there is none', async () => {
  const server = await cluster({ selector, ports });
  const forwarded = await forwardService(server.open({ patienceMs: 0 }), service);
  const asks = () => server.asked.filter(({ path }) => path.endsWith('/pods'));
  expect(asks()).toMatchObject([{ query: { labelSelector: 'app=store' } }]);
  server.objects.delete('/api/v1/namespaces/data/pods/store');
  await expect(fetch(`http://127.0.0.1:${forwarded.port}`)).rejects.toThrow('fetch failed');
  expect(asks()).toHaveLength(2);
  forwarded.close();
  await expect(fetch(`http://127.0.0.1:${forwarded.port}`)).rejects.toThrow('fetch failed');
  expect(asks()).toHaveLength(2);
});

test('bytes go both ways, and each end goes with the other', async () => {
  const pod = createServer((socket) => socket.on('error', () => {}).pipe(socket, { end: false }));
  onTestFinished(() => void pod.close());
  await once(pod.listen(0, '127.0.0.1'), 'listening');
  const { port } = pod.address() as AddressInfo;
  const server = await cluster({ selector, ports }, { port });
  const forwarded = await forwardService(server.open({ patienceMs: 0 }), service);
  onTestFinished(forwarded.close);
  const open = async (): Promise<[client: Socket, podEnd: Socket]> => {
    const accepted = once(pod, 'connection');
    const client = connect(forwarded.port, '127.0.0.1');
    client.write('a request');
    expect(String((await once(client, 'data'))[0])).toBe('a request');
    return [client, (await accepted)[0]];
  };
  const [first, podOfFirst] = await open();
  podOfFirst.destroy();
  await once(first, 'close');
  const [second, podOfSecond] = await open();
  second.destroy();
  await once(podOfSecond, 'close');
  const [third, podOfThird] = await open();
  forwarded.close();
  await Promise.all([once(third, 'close'), once(podOfThird, 'close')]);
});
