import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  cluster,
  inTime,
  inTimeAfter,
  isReady,
  kubectl,
  pods,
} from './testing/cluster-under-test.ts';

const NAMESPACE = 'darkroom';
const PROBE = 'probe-worker';

const removeProbe = () =>
  kubectl.run(['--namespace', NAMESPACE, 'delete', 'pod', PROBE, '--ignore-not-found', '--wait']);

/** A pod with a worker's labels, image and Secrets, that only waits. */
beforeAll(async () => {
  // A run that was ended may have left it.
  await removeProbe();
  const { spec } = await cluster.apps.readNamespacedDeployment({
    name: 'worker-pinhole',
    namespace: NAMESPACE,
  });
  const template = spec?.template;
  const [worker] = template?.spec?.containers ?? [];
  if (template?.spec === undefined || worker === undefined)
    throw new Error('no worker is deployed');
  const { limits = {}, requests = {} } = worker.resources ?? {};
  const { 'nvidia.com/gpu': _gpu, ...limitsWithoutGpu } = limits;
  await cluster.core.createNamespacedPod({
    namespace: NAMESPACE,
    body: {
      metadata: { name: PROBE, labels: { 'app.kubernetes.io/name': 'worker' } },
      spec: {
        ...template.spec,
        initContainers: [],
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: worker.name,
            image: worker.image ?? '',
            command: ['sleep', '3600'],
            resources: { limits: limitsWithoutGpu, requests },
            ...(worker.envFrom && { envFrom: worker.envFrom }),
            ...(worker.volumeMounts && { volumeMounts: worker.volumeMounts }),
            ...(worker.securityContext && { securityContext: worker.securityContext }),
          },
        ],
      },
    },
  });
  await inTimeAfter(async () => {
    const pod = await cluster.core.readNamespacedPod({ name: PROBE, namespace: NAMESPACE });
    if (!isReady(pod)) throw new Error(`${PROBE} is not ready: ${JSON.stringify(pod.status)}`);
  });
});

afterAll(async () => {
  await removeProbe();
});

const inside = (...command: string[]) =>
  kubectl.run(['--namespace', NAMESPACE, 'exec', PROBE, '--', ...command]);

/** Whether the pod can open a TCP connection. */
async function reaches(host: string, port: number): Promise<boolean> {
  const script =
    `const s=require('net').connect({host:'${host}',port:${port},timeout:3000});` +
    `s.on('connect',()=>{console.log('open');process.exit()});` +
    `s.on('error',()=>{console.log('closed');process.exit()});` +
    `s.on('timeout',()=>{console.log('closed');process.exit()})`;
  return (await inside('node', '-e', script)).trim() === 'open';
}

const DATA = 'darkroom-data.svc.cluster.local';

test.each([
  ['RabbitMQ', `rabbitmq.${DATA}`, 5672],
  ['Postgres', `postgres.${DATA}`, 5432],
  ['the object store', `object-store.${DATA}`, 7070],
])('a worker reaches %s', async (_, host, port) => {
  // A network policy takes a moment to know a new pod.
  await inTime(() => reaches(host, port)).toBe(true);
});

test.each([
  ["RabbitMQ's management", `rabbitmq.${DATA}`, 15_672],
  ['the frontend', 'frontend.darkroom.svc.cluster.local', 80],
  ["the frontend's internal port", 'frontend-internal.darkroom.svc.cluster.local', 8081],
  ['Prometheus', 'prometheus.monitoring.svc.cluster.local', 9090],
  ['the Kubernetes API', 'kubernetes.default.svc.cluster.local', 443],
])('a worker does not reach %s', async (_, host, port) => {
  expect(await reaches(host, port)).toBe(false);
});

test('a worker does not reach another pod, nor the world outside', async () => {
  const [frontend] = await pods(NAMESPACE, 'app.kubernetes.io/name=frontend');
  expect(await reaches(frontend?.status?.podIP ?? '', 8080)).toBe(false);
  expect(await reaches('1.1.1.1', 443)).toBe(false);
});

describe('what a worker is not given', () => {
  test('a token of the Kubernetes API', async () => {
    const out = await inside('sh', '-c', 'ls /var/run/secrets/kubernetes.io 2>&1; true');
    expect(out).toContain('No such file');
  });

  test('a file system to write to, but for /tmp', async () => {
    for (const folder of ['/', '/darkroom', '/var/tmp', '/models']) {
      const out = await inside('sh', '-c', `touch ${folder}/x 2>&1; true`);
      expect(out).toContain('Read-only file system');
    }
    await inside('touch', '/tmp/x');
  });

  test('root', async () => {
    expect((await inside('id', '-u')).trim()).toBe('10001');
  });

  test("rights on the record but a worker's own", async () => {
    const sql = (statement: string) =>
      inside(
        'node',
        '--input-type=module',
        '-e',
        `import pg from 'pg'; const c=new pg.Client({connectionString:process.env.DATABASE_URL});` +
          `await c.connect();try{await c.query(${JSON.stringify(statement)});console.log('done')}` +
          `catch(e){console.log(e.message)}await c.end()`,
      );
    expect(await sql('select 1')).toContain('done');
    expect(await sql('delete from generations')).toContain('permission denied');
    expect(await sql('drop table generations')).toContain('must be owner');
    expect(await sql('create table x (a int)')).toContain('permission denied');
  });
});
