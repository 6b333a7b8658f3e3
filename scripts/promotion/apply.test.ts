import { expect, test } from 'vitest';
import { applyWave } from './apply.ts';
import { type Answer, failure, serveApi } from './testing/api-server.ts';

const named = (apiVersion: string, kind: string, name: string) => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'darkroom' },
});
const scaler = named('keda.sh/v1alpha1', 'ScaledObject', 'frontend');
const workload = named('apps/v1', 'Deployment', 'frontend');
const settings = named('v1', 'ConfigMap', 'frontend');

/** What serves ScaledObjects. */
const withScalers = (path: string): Answer | undefined =>
  path === '/apis/keda.sh/v1alpha1'
    ? {
        status: 200,
        body: { resources: [{ name: 'scaledobjects', kind: 'ScaledObject', namespaced: true }] },
      }
    : undefined;

test('what scales a workload is applied once the workload is there', async () => {
  const server = await serveApi(({ method, path }, objects) =>
    method === 'PATCH' && path.endsWith('/scaledobjects/frontend') && objects.size < 2
      ? failure(422, 'Invalid')
      : withScalers(path),
  );
  const wave = { name: 'workloads' as const, objects: [scaler, workload, settings] };
  await applyWave(server.open(), wave, { force: false });
  expect(server.objects.size).toBe(3);
});

test('every object that is refused is told', async () => {
  const server = await serveApi(({ method, path }) =>
    method === 'PATCH' && !path.includes('/configmaps/')
      ? failure(422, 'Invalid')
      : withScalers(path),
  );
  const wave = { name: 'workloads' as const, objects: [scaler, workload, settings] };
  const applied = applyWave(server.open(), wave, { force: false });
  await expect(applied).rejects.toThrow(/production refuses workloads:/);
  await expect(applied).rejects.toThrow(/Deployment darkroom\/frontend: .*Invalid/);
  await expect(applied).rejects.toThrow(/ScaledObject darkroom\/frontend: .*Invalid/);
});
