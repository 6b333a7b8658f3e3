import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { exporters, expressions } from '../../platform/infrastructure/monitoring/expressions.ts';
import { platformPath } from '../render/render.ts';
import { exec } from './exec.ts';
import { buildProgram } from './offline/build-program.ts';
import { createSteps } from './steps.ts';
import {
  apiKey,
  cluster,
  eventually,
  inTime,
  kubectl,
  pods,
  url,
} from './testing/cluster-under-test.ts';
import { stream } from './testing/load.ts';

type Sample = { metric: Record<string, string> };

/**
 * What the cluster's Prometheus answers to an expression now.
 *
 * @throws ExecError when it cannot evaluate it
 */
async function query(expression: string): Promise<Sample[]> {
  const out = await kubectl.run([
    ...['--namespace', 'monitoring', 'exec', 'prometheus-0', '--', 'promtool', 'query'],
    ...['--format=json', 'instant', 'http://localhost:9090', expression],
  ]);
  return JSON.parse(out);
}

/** What KEDA tells the autoscaler of the workers' GPUs: percent, summed over them. */
async function toldUtilisation(): Promise<number> {
  const hpa = await cluster.autoscaling.readNamespacedHorizontalPodAutoscaler({
    name: 'keda-hpa-worker-pinhole',
    namespace: 'darkroom',
  });
  const names = hpa.spec?.metrics?.map(({ external }) => external?.metric.name ?? '') ?? [];
  const name = names.find((each) => each.includes('prometheus'));
  const selector = encodeURIComponent('scaledobject.keda.sh/name=worker-pinhole');
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/darkroom/${name}`;
  const out = await kubectl.run(['get', '--raw', `${path}?labelSelector=${selector}`]);
  const { items } = JSON.parse(out) as { items: { value: string }[] };
  const [{ value = '' } = {}] = items;
  return value.endsWith('m') ? Number(value.slice(0, -1)) / 1_000 : Number(value);
}

/** What the simulators themselves say, percent, summed over the GPUs that workers hold. */
async function simulatedUtilisation(): Promise<number> {
  const simulators = await pods('darkroom-gpu', 'app.kubernetes.io/name=gpu-simulator');
  const script = `fetch('http://127.0.0.1:9400/metrics').then(async r=>console.log(await r.text()))`;
  const texts = await Promise.all(
    simulators.map(({ metadata }) =>
      kubectl.run([
        ...['--namespace', 'darkroom-gpu', 'exec', metadata?.name ?? '', '--'],
        ...['node', '-e', script],
      ]),
    ),
  );
  const series = texts.flatMap((text) => [
    ...text.matchAll(/^DCGM_FI_DEV_GPU_UTIL\{.*pod="worker-pinhole-.*\} (\d+)$/gm),
  ]);
  return series.reduce((sum, [, percent]) => sum + Number(percent), 0);
}

test('the rules do what their own tests say', async () => {
  const promtool = await buildProgram('promtool', { steps: createSteps(console.error) });
  const folder = platformPath('infrastructure/monitoring/rules');
  const tests = readdirSync(folder).filter((file) => file.endsWith('.test.yaml'));
  const out = await exec(promtool, ['test', 'rules', ...tests], { cwd: folder });
  expect(out.match(/SUCCESS/g)).toHaveLength(tests.length);
});

test('every metric that rules and panels read is scraped', async () => {
  // Told only of what has happened: a kubelet's first refusal makes the series.
  // A check of drift is there for a moment every half hour.
  const needsAnEvent = [
    'kubelet_admission_rejections_total',
    ...(exporters['drift']?.metrics ?? []),
  ];
  const wanted = Object.values(exporters)
    .flatMap(({ metrics }) => metrics)
    .filter((name) => !needsAnEvent.includes(name));
  const seen = async () => {
    const samples = await query(`count by (__name__) ({__name__=~"${wanted.join('|')}"})`);
    return samples.map(({ metric }) => metric['__name__']);
  };
  const absent = async () => {
    const there = await seen();
    return wanted.filter((name) => !there.includes(name));
  };
  // A worker's own are there while one runs.
  const work = stream({ count: 4 });
  onTestFinished(async () => void (await work.stop()));
  await inTime(absent).toEqual([]);
});

test.each(expressions)('$name is evaluated on what the cluster tells', async ({ expr }) => {
  // An alert that is quiet has no sample; an expression that does not fit its metrics is refused.
  // Grafana puts in four times the scrape interval.
  await eventually(() => query(expr.replaceAll('$__rate_interval', '1m'))).toBeInstanceOf(Array);
});

test('the GPU utilisation that the autoscaler is told follows what the workers do', async () => {
  await inTime(toldUtilisation).toBe(0);
  const work = stream({ count: 16, steps: 150 });
  onTestFinished(async () => void (await work.stop()));
  await inTime(simulatedUtilisation).toBeGreaterThan(50);
  await inTime(toldUtilisation).toBeGreaterThan(50);
  await work.stop();
  await inTime(toldUtilisation).toBe(0);
  await inTime(simulatedUtilisation).toBe(0);
});

test('frontends are added while they use more CPU than they asked for', async () => {
  const wanted = async () => {
    const { spec } = await cluster.apps.readNamespacedDeployment({
      name: 'frontend',
      namespace: 'darkroom',
    });
    return spec?.replicas ?? 0;
  };
  let stopped = false;
  let refusedUntil = 0;
  // Beyond the calls that the tenant has a minute they are refused, which costs a frontend CPU, too.
  const caller = async () => {
    const headers = { authorization: `Bearer ${apiKey}` };
    while (!stopped) {
      const answer = await fetch(`${url}/trpc/models.list`, { headers });
      await answer.text();
      const retryAfterMs = Number(answer.headers.get('retry-after') ?? 0) * 1_000;
      refusedUntil = Math.max(refusedUntil, Date.now() + retryAfterMs);
    }
  };
  const why = async () => {
    const { items } = await cluster.core.listNamespacedEvent({ namespace: 'darkroom' });
    const rescales = items.filter(
      ({ reason, involvedObject }) =>
        reason === 'SuccessfulRescale' && involvedObject.name === 'keda-hpa-frontend',
    );
    return rescales.map(({ message }) => message).join();
  };
  await inTime(wanted).toBe(2);
  const ends = Promise.allSettled(Array.from({ length: 16 }, caller));
  onTestFinished(async () => {
    stopped = true;
    const failed = (await ends).filter(({ status }) => status === 'rejected');
    // The tests that follow are the same tenant's.
    await pause(Math.max(0, refusedUntil - Date.now()));
    expect(failed).toEqual([]);
  });
  await inTime(wanted).toBeGreaterThan(2);
  // Told after it is done.
  await eventually(why).toContain('cpu resource utilization');
});
