import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { exec } from '../../../cluster/exec.ts';
import { url as stagingUrl } from '../../../cluster/testing/cluster-under-test.ts';
import { stream } from '../../../cluster/testing/load.ts';
import { begins, type Run } from '../darkroom.ts';
import { copyEnvironments, editTarget } from '../environments.ts';
import { serveOtherPictures } from '../other-pictures.ts';
import { productionNames } from '../production-cluster.ts';
import type { Promotions } from '../promotions.ts';
import type { TwoClusters } from '../two-clusters.ts';

type Rig = () => { two: TwoClusters; promotions: Promotions };

const APPS = ['--namespace', 'darkroom'];
/** Longer than a promotion waits for an API server that does not answer. */
const AWAY_MS = 45_000;

export function setbacksSuite(rig: Rig): void {
  /** Two callers, who ask production for one picture after the other throughout. */
  let callers: ReturnType<typeof stream>[] = [];

  beforeAll(() => {
    const { client } = rig().two;
    // Often enough to meet each moment of a promotion, and no load that slows it down.
    const often = { pauseMs: 500 };
    const works = [{ through: client }, { through: client, count: 2, steps: 50 }];
    callers = works.map((work) => stream(work, often));
  });

  afterAll(async () => void (await Promise.allSettled(callers.map((caller) => caller.stop()))));

  /** A release straight into production, whose folder says that it may. */
  async function enterProduction(
    release: string,
    {
      target = {},
      onLine,
    }: { target?: Record<string, unknown>; onLine?: (line: string) => void } = {},
  ): Promise<Run> {
    const { two, promotions } = rig();
    const environments = await copyEnvironments(two.environments);
    onTestFinished(() => rm(environments, { recursive: true }));
    await editTarget(environments, 'production', { accepts: [], ...target });
    return promotions.enterProduction(release, { environments, ...(onLine && { onLine }) });
  }

  const running = async () => {
    const status = await rig().promotions.look('status', '--json');
    const all = JSON.parse(status.stdout) as {
      environment: string;
      release: { release: string };
      unhealthy: string[];
      history: { release: string; state: string; reason?: string }[];
    }[];
    return all.find(({ environment }) => environment === 'production');
  };

  /** Runs it, and sees that production is back on the release before, with the other rejected for the reason. */
  async function takenBack(
    run: Promise<Run>,
    release: string,
    reason: RegExp,
    before: string,
    { extra = false }: { extra?: boolean } = {},
  ) {
    const ended = await run;
    expect(ended.stderr).toMatch(reason);
    expect(ended.code).toBe(1);
    expect(ended.stdout, ended.stderr).toContain('taken back');
    // The autoscaler may add a pod at any time, and what lost an API server may end once more before it is well.
    const rejected = { release, state: 'rejected', reason: expect.stringMatching(reason) };
    await expect.poll(running, { timeout: 240_000 }).toMatchObject({
      release: { release: before },
      unhealthy: [],
      history: expect.arrayContaining([expect.objectContaining(rejected)]),
    });
    const drift = await rig().promotions.look('drift', 'production');
    // What the test itself has put there is all that there is beside it.
    const found = extra ? /^ResourceQuota darkroom\/planted: [^\n]*\n$/ : /is what/;
    expect(drift.stdout, drift.stderr).toMatch(found);
  }

  const before = async () => (await running())?.release.release ?? '';

  test('from an image that does not start', async () => {
    const { two } = rig();
    const digest = await two.derive('darkroom/frontend', {
      to: 'production',
      dockerfile: [`ENTRYPOINT ["node", "-e", "process.exit(3)"]`],
    });
    await two.source.change('apps/frontend/settings.env', (text) => `${text}\n`);
    const release = await two.source.build({ ...two.images, 'darkroom/frontend': digest });
    await two.source.undo();
    await takenBack(enterProduction(release), release, /ended \d times, with 3/, await before());
  });

  test('from a probe that fails', async () => {
    const { two } = rig();
    await two.source.change('apps/frontend/deployment.yaml', (text) =>
      text.replace('path: /readyz', 'path: /nowhere'),
    );
    const release = await two.source.build(two.images);
    await two.source.undo();
    await takenBack(
      enterProduction(release, { target: { rolloutSeconds: 20 } }),
      release,
      /not running after 20 s:\s+Deployment darkroom\/frontend/,
      await before(),
    );
  });

  test('from a smoke test that fails', async () => {
    const { two } = rig();
    await two.source.change('apps/worker/model/scaled-object.yaml', (text) =>
      text.replace(
        'metadata:\n',
        'metadata:\n  annotations: { autoscaling.keda.sh/paused-replicas: "0" }\n',
      ),
    );
    const release = await two.source.build(two.images);
    await two.source.undo();
    await takenBack(
      enterProduction(release, { target: { pictureSeconds: 15 } }),
      release,
      /does not make the picture .*: not within 15 s/,
      await before(),
    );
  });

  test("from a canary whose pictures are not the source's", async () => {
    const { two, promotions } = rig();
    await two.source.change('apps/frontend/settings.env', (text) => `${text}\n\n`);
    const release = await two.source.build(two.images);
    await two.source.undo();
    await promotions.enter(release);
    const was = await before();
    const other = await serveOtherPictures(stagingUrl);
    onTestFinished(other.close);
    const environments = await copyEnvironments(two.environments);
    onTestFinished(() => rm(environments, { recursive: true }));
    await editTarget(environments, 'staging', { url: other.url });
    await takenBack(
      promotions.tryToGoOn({ environments }),
      release,
      /the canary of pinhole makes another picture/,
      was,
    );
  });

  test('from pods that a quota keeps from being made', async () => {
    const { two } = rig();
    await two.source.change('apps/frontend/settings.env', (text) =>
      text.replace(/^LOG_LEVEL=.*$/m, 'LOG_LEVEL=warn'),
    );
    const release = await two.source.build(two.images);
    await two.source.undo();
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'planted', namespace: 'darkroom' },
      spec: {
        hard: { pods: '0' },
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In', values: ['darkroom-frontend'] },
          ],
        },
      },
    };
    const was = await before();
    await two.production.run(['create', '--filename', '-'], { input: JSON.stringify(quota) });
    const remove = [...APPS, 'delete', 'resourcequota/planted', '--ignore-not-found'];
    onTestFinished(async () => void (await two.production.run(remove)));
    // The pods of the release before still run, so going back needs none.
    const run = enterProduction(release, { target: { rolloutSeconds: 15 } });
    await takenBack(run, release, /exceeded quota: planted/, was, { extra: true });
  });

  test('from an API server that goes away while it is applied', async () => {
    const { two } = rig();
    await two.source.change('apps/frontend/settings.env', (text) =>
      text.replace(/^LOG_LEVEL=.*$/m, 'LOG_LEVEL=error'),
    );
    const release = await two.source.build(two.images);
    await two.source.undo();
    const was = await before();
    const node = `${productionNames.cluster}-control-plane`;
    const manifest = '/etc/kubernetes/manifests/kube-apiserver.yaml';
    const shell = (script: string) => exec('docker', ['exec', node, 'sh', '-c', script]);
    let gone: Promise<unknown> | undefined;
    const run = enterProduction(release, {
      onLine: (line) => {
        if (begins(line, 'apply workloads')) {
          gone ??= shell(`mv ${manifest} /etc/kubernetes/ && pkill -KILL kube-apiserver`)
            .then(() => pause(AWAY_MS))
            .then(() => shell(`mv /etc/kubernetes/kube-apiserver.yaml ${manifest}`));
        }
      },
    });
    const said = /the API server of .* does not answer/;
    onTestFinished(async () => void (await gone));
    await takenBack(run, release, said, was);
  });

  test('from a registry that does not answer: nothing of it is applied', async () => {
    const { two, promotions } = rig();
    await two.source.change('apps/frontend/settings.env', (text) => `${text}\n\n\n`);
    const release = await two.source.build(two.images);
    await two.source.undo();
    const versions = await promotions.versions();
    const names = ['localhost:5001', 'docker.io', 'ghcr.io', 'registry.k8s.io'];
    const registries = Object.fromEntries(names.map((name) => [name, '127.0.0.1:1']));
    const run = await enterProduction(release, { target: { registries } });
    expect(run.stderr).toMatch(/the registry of 127\.0\.0\.1:1\/.* cannot be asked/);
    expect(run.code).toBe(1);
    expect(await promotions.versions()).toEqual(versions);
  });

  test('from a kind that the cluster does not know: nothing of it is applied', async () => {
    const { two, promotions } = rig();
    await two.source.change('apps/frontend/kustomization.yaml', (text) =>
      text.replace('resources:\n', 'resources:\n  - unknown.yaml\n'),
    );
    await two.source.change('apps/frontend/unknown.yaml', () =>
      [
        'apiVersion: rabbitmq.com/v1beta1',
        'kind: RabbitmqCluster',
        'metadata: { name: unknown, namespace: darkroom }',
        'spec: { replicas: 1 }',
        '',
      ].join('\n'),
    );
    const release = await two.source.build(two.images);
    await two.source.undo();
    await two.source.undo();
    const versions = await promotions.versions();
    const run = await enterProduction(release);
    expect(run.stderr).toMatch(
      /preflight: RabbitmqCluster darkroom\/unknown: kind .*serves no RabbitmqCluster/,
    );
    expect(run.code).toBe(1);
    expect(await promotions.versions()).toEqual(versions);
  });

  test('with no failed request of its callers and no lost job throughout', async () => {
    const asked = await Promise.all(callers.map((caller) => caller.stop()));
    for (const generations of asked) expect(generations.length).toBeGreaterThan(5);
    expect(asked.flat().filter(({ state }) => state !== 'succeeded')).toEqual([]);
  });
}
