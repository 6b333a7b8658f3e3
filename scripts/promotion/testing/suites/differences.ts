import { afterAll, expect, test } from 'vitest';
import { inTime } from '../../../cluster/testing/cluster-under-test.ts';
import type { Promotions } from '../promotions.ts';
import type { TwoClusters } from '../two-clusters.ts';

type Rig = () => { two: TwoClusters; promotions: Promotions };

const APPS = ['--namespace', 'darkroom'];
const DATA = ['--namespace', 'darkroom-data'];
const json = (value: unknown) => JSON.stringify(value);
const patch = (object: string, operations: unknown[], namespace = APPS) => [
  ...[...namespace, 'patch', object, '--type=json', `--patch=${json(operations)}`],
];
const frontend = '/spec/template/spec/containers/0';

/** What somebody might do to a cluster by hand, and where it shows. */
const plants: { args: string[]; input?: unknown; object: string; field: RegExp }[] = [
  {
    args: [...APPS, 'set', 'env', 'deployment/frontend', 'DEBUG=1'],
    object: 'Deployment darkroom/frontend',
    field: /containers\[frontend\]\.env\[DEBUG\]\.value/,
  },
  {
    args: patch('deployment/frontend', [
      { op: 'replace', path: `${frontend}/resources/limits/memory`, value: '900Mi' },
    ]),
    object: 'Deployment darkroom/frontend',
    field: /resources\.limits\.memory/,
  },
  {
    args: patch('deployment/frontend', [{ op: 'remove', path: `${frontend}/livenessProbe` }]),
    object: 'Deployment darkroom/frontend',
    field: /livenessProbe/,
  },
  {
    args: patch('deployment/frontend', [
      { op: 'add', path: '/spec/template/metadata/labels/planted', value: 'yes' },
    ]),
    object: 'Deployment darkroom/frontend',
    field: /template\.metadata\.labels\.planted/,
  },
  {
    args: patch('deployment/frontend', [
      { op: 'replace', path: '/spec/strategy/rollingUpdate/maxUnavailable', value: 1 },
    ]),
    object: 'Deployment darkroom/frontend',
    field: /maxUnavailable/,
  },
  {
    args: patch('deployment/worker-pinhole', [
      { op: 'replace', path: '/spec/template/spec/terminationGracePeriodSeconds', value: 5 },
    ]),
    object: 'Deployment darkroom/worker-pinhole',
    field: /terminationGracePeriodSeconds/,
  },
  {
    args: patch('deployment/worker-pinhole', [
      { op: 'add', path: '/spec/template/spec/tolerations/-', value: { operator: 'Exists' } },
    ]),
    object: 'Deployment darkroom/worker-pinhole',
    field: /tolerations/,
  },
  {
    args: patch('deployment/worker-pinhole', [
      { op: 'replace', path: `${frontend}/securityContext/readOnlyRootFilesystem`, value: false },
    ]),
    object: 'Deployment darkroom/worker-pinhole',
    field: /readOnlyRootFilesystem/,
  },
  {
    args: patch('service/frontend', [
      { op: 'add', path: '/metadata/annotations', value: { planted: 'yes' } },
    ]),
    object: 'Service darkroom/frontend',
    field: /metadata\.annotations\.planted/,
  },
  {
    args: patch('scaledobject/worker-pinhole', [
      { op: 'replace', path: '/spec/cooldownPeriod', value: 61 },
    ]),
    object: 'ScaledObject darkroom/worker-pinhole',
    field: /spec\.cooldownPeriod/,
  },
  {
    args: patch('scaledobject/worker-pinhole', [
      { op: 'replace', path: '/spec/triggers/0/metadata/targetValue', value: '2' },
    ]),
    object: 'ScaledObject darkroom/worker-pinhole',
    field: /triggers\[seconds-of-work\]\.metadata\.targetValue/,
  },
  {
    args: patch('resourcequota/bounds', [{ op: 'add', path: '/spec/hard/pods', value: '400' }]),
    object: 'ResourceQuota darkroom/bounds',
    field: /spec\.hard\.pods/,
  },
  {
    args: patch('networkpolicy/worker', [
      { op: 'add', path: '/spec/egress/-', value: { to: [{ podSelector: {} }] } },
    ]),
    object: 'NetworkPolicy darkroom/worker',
    field: /spec\.egress/,
  },
  {
    args: patch('poddisruptionbudget/frontend', [
      { op: 'replace', path: '/spec/maxUnavailable', value: 2 },
    ]),
    object: 'PodDisruptionBudget darkroom/frontend',
    field: /spec\.maxUnavailable/,
  },
  {
    args: patch('serviceaccount/worker', [
      { op: 'replace', path: '/automountServiceAccountToken', value: true },
    ]),
    object: 'ServiceAccount darkroom/worker',
    field: /automountServiceAccountToken/,
  },
  {
    args: patch(
      'statefulset/rabbitmq',
      [{ op: 'add', path: '/metadata/labels/planted', value: 'yes' }],
      DATA,
    ),
    object: 'StatefulSet darkroom-data/rabbitmq',
    field: /metadata\.labels\.planted/,
  },
  {
    args: [
      'label',
      'namespace',
      'darkroom',
      '--overwrite',
      'pod-security.kubernetes.io/enforce=baseline',
    ],
    object: 'Namespace darkroom',
    field: /pod-security\.kubernetes\.io\/enforce/,
  },
  {
    args: [
      'patch',
      'priorityclass/darkroom-worker',
      '--type=merge',
      '--patch={"description":"planted"}',
    ],
    object: 'PriorityClass darkroom-worker',
    field: /description/,
  },
  {
    args: [...APPS, 'delete', 'networkpolicy/frontend-callers'],
    object: 'NetworkPolicy darkroom/frontend-callers',
    field: /metadata\.name/,
  },
  {
    args: ['create', '--filename', '-'],
    input: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'planted', namespace: 'darkroom' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'worker', namespace: 'darkroom' }],
    },
    object: 'RoleBinding darkroom/planted',
    field: /metadata\.name/,
  },
];

export function differencesSuite(rig: Rig): void {
  afterAll(async () => {
    const { two } = rig();
    await two.production.run([...APPS, 'delete', 'rolebinding/planted', '--ignore-not-found']);
    const job = ['--namespace', 'darkroom-releases', 'delete', 'job/by-hand'];
    await two.production.run([...job, '--ignore-not-found']);
  });

  const lines = (text: string) => text.split('\n');
  const verify = () => rig().promotions.look('verify', 'staging', 'production');

  test('that run the same release have no difference', async () => {
    const run = await verify();
    expect(run.stdout, run.stderr).toContain('are the same');
    expect(run.code).toBe(0);
  });

  test(`show each of ${plants.length} differences, and drift does`, async () => {
    const { two, promotions } = rig();
    for (const { args, input } of plants) {
      await two.production.run(args, input === undefined ? {} : { input: json(input) });
    }
    const [verified, drifted] = [await verify(), await promotions.look('drift', 'production')];
    for (const { object, field } of plants) {
      const isNamed = (line: string) =>
        /^[:,]/.test(line.slice(object.length)) && line.startsWith(object) && field.test(line);
      expect.soft(lines(verified.stdout).some(isNamed), `verify: ${object} ${field}`).toBe(true);
      expect.soft(lines(drifted.stdout).some(isNamed), `drift: ${object} ${field}`).toBe(true);
    }
    expect(verified.code).toBe(1);
    expect(drifted.code).toBe(1);
  });

  test('are told to Prometheus by the job that looks for drift', async () => {
    const { two, promotions } = rig();
    const drifted = await promotions.look('drift', 'production', '--json');
    const { differences } = JSON.parse(drifted.stdout) as { differences: unknown[] };
    const job = ['--namespace', 'darkroom-releases', 'create', 'job', 'by-hand'];
    await two.production.run([...job, '--from=cronjob/drift']);
    const told = async () => {
      const out = await two.production.run([
        ...['--namespace', 'monitoring', 'exec', 'prometheus-0', '--', 'promtool', 'query'],
        ...['--format=json', 'instant', 'http://localhost:9090'],
        'last_over_time(darkroom_drift_differences[10m])',
      ]);
      const [series] = JSON.parse(out) as { value: [number, string] }[];
      return Number(series?.value[1]);
    };
    await inTime(told).toBe(differences.length);
  });

  test('are the same again once production is put back to what was verified', async () => {
    const { two, promotions } = rig();
    const back = await promotions.look('rollback', 'production', '--to-current');
    expect(back.code, back.stderr).toBe(0);
    // No release ever had it, so nobody but who made it takes it away.
    await two.production.run([...APPS, 'delete', 'rolebinding/planted']);
    const run = await verify();
    expect(run.stdout, run.stderr).toContain('are the same');
    expect((await promotions.look('drift', 'production')).code).toBe(0);
  });
}
