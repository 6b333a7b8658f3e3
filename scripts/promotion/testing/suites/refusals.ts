import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { darkroom, endOf } from '../darkroom.ts';
import { copyEnvironments, editLayer, editTarget, type Kustomization } from '../environments.ts';
import type { Promotions } from '../promotions.ts';
import type { TwoClusters } from '../two-clusters.ts';

type Rig = () => { two: TwoClusters; promotions: Promotions };
type Tampering = {
  name: string;
  /** Does it, to environments that are a copy; what it returns undoes what is not in them. */
  tamper: (rig: ReturnType<Rig>, environments: string) => Promise<unknown>;
  /** What the refusal names. */
  says: RegExp;
  more?: string[];
};

const APPS = ['--namespace', 'darkroom'];

const withPatch =
  (target: Record<string, string>, operations: unknown[]) =>
  ({ patches, ...rest }: Kustomization): Kustomization => ({
    ...rest,
    patches: [...patches, { target, patch: JSON.stringify(operations) }],
  });

const inApps = (environments: string, target: Record<string, string>, operations: unknown[]) =>
  editLayer(environments, 'production', 'apps', withPatch(target, operations));

const container = '/spec/template/spec/containers/0';

/** Changes a file of the release that staging runs, and puts it back. */
async function editRelease(two: TwoClusters, file: string, edit: (text: string) => string) {
  const path = join(two.source.releases, await releaseOf(two), file);
  const text = await readFile(path, 'utf8');
  await writeFile(path, edit(text));
  return () => writeFile(path, text);
}

async function releaseOf(two: TwoClusters): Promise<string> {
  const found = await two.staging.get<{ data: { history: string } }>([
    ...['configmap/history', '--namespace', 'darkroom-releases'],
  ]);
  const entries = JSON.parse(found?.data.history ?? '[]') as { release: string; state: string }[];
  return entries.find(({ state }) => state === 'verified')?.release ?? '';
}

const tamperings: Tampering[] = [
  {
    name: 'an image that was built again under its tag, in staging',
    tamper: async ({ two }) => {
      const digest = await two.derive('darkroom/deletion-cost', {
        to: 'staging',
        dockerfile: ['LABEL planted=yes'],
      });
      const image = `localhost:5001/darkroom/deletion-cost@${digest}`;
      const set = [...APPS, 'set', 'image', 'deployment/deletion-cost', `deletion-cost=${image}`];
      await two.staging.run(set);
      return () => putRight(two);
    },
    says: /drift: staging: Deployment darkroom\/deletion-cost: .*containers\[deletion-cost\]\.image/,
  },
  {
    name: 'a variable added in production alone',
    tamper: (_, environments) =>
      inApps(environments, { kind: 'Deployment', name: 'frontend' }, [
        { op: 'add', path: `${container}/env`, value: [{ name: 'LOG_LEVEL', value: 'debug' }] },
      ]),
    says: /unchanged: Deployment darkroom\/frontend: .*env\[LOG_LEVEL\]/,
  },
  {
    name: 'a bound of replicas that was taken away',
    tamper: (_, environments) =>
      inApps(environments, { kind: 'ScaledObject', name: 'worker-pinhole' }, [
        { op: 'remove', path: '/spec/maxReplicaCount' },
      ]),
    says: /ScaledObject darkroom\/worker-pinhole: spec\.maxReplicaCount/,
  },
  {
    name: 'a field outside what an environment binds',
    tamper: (_, environments) =>
      inApps(environments, { kind: 'Deployment', name: 'worker-pinhole' }, [
        { op: 'replace', path: '/spec/template/spec/terminationGracePeriodSeconds', value: 100 },
      ]),
    says: /unchanged: Deployment darkroom\/worker-pinhole: .*terminationGracePeriodSeconds/,
  },
  {
    name: 'a NetworkPolicy that production leaves out',
    tamper: (_, environments) =>
      inApps(environments, { kind: 'NetworkPolicy', name: 'worker' }, [
        { op: 'replace', path: '/spec/egress', value: [{}] },
      ]),
    says: /unchanged: NetworkPolicy darkroom\/worker: spec\.egress/,
  },
  {
    name: 'another version of a model than the release has',
    tamper: (_, environments) =>
      inApps(environments, { kind: 'Deployment', name: 'worker-pinhole' }, [
        {
          op: 'replace',
          path: '/spec/template/metadata/annotations/darkroom.dev~1model-digest',
          value: 'latest',
        },
      ]),
    says: /models: Deployment darkroom\/worker-pinhole: .*model-digest.* is latest/,
  },
  {
    name: 'an edited lock',
    tamper: ({ two }) =>
      editRelease(two, 'lock.json', (text) =>
        text.replace(/("darkroom\/worker": \{\s*"digest": "sha256:)../, '$1ff'),
      ),
    says: /lock\.json/,
  },
  {
    name: 'an edited manifest',
    tamper: ({ two }) =>
      editRelease(two, 'platform/apps/frontend/deployment.yaml', (text) => `${text}# edited\n`),
    says: /platform\/apps\/frontend\/deployment\.yaml was changed/,
  },
  {
    name: 'the signature of another release',
    tamper: ({ two }) =>
      editRelease(two, 'lock.sigstore.json', (text) =>
        text.replace(/"signature": ?"...../, (found) => `${found.slice(0, -5)}AAAAA`),
      ),
    says: /lock\.sigstore\.json/,
  },
  {
    name: 'no signature',
    tamper: async ({ two }) => {
      const path = join(two.source.releases, await releaseOf(two), 'lock.sigstore.json');
      const away = join(two.source.releases, '..', 'lock.sigstore.json');
      await rename(path, away);
      return () => rename(away, path);
    },
    says: /is not signed/,
  },
  {
    name: 'a variable set in staging by hand',
    tamper: async ({ two }) => {
      await two.staging.run([...APPS, 'set', 'env', 'deployment/deletion-cost', 'DEBUG=1']);
      return () => putRight(two);
    },
    says: /drift: staging: Deployment darkroom\/deletion-cost: .*env\[DEBUG\]/,
  },
  {
    name: "staging's folder edited since it was verified",
    tamper: async (_, environments) => {
      const settings = { target: { kind: 'ScaledObject', name: 'frontend' } };
      const change = withPatch(settings.target, [
        { op: 'replace', path: '/spec/maxReplicaCount', value: 3 },
      ]);
      await editLayer(environments, 'staging', 'apps', change);
    },
    says: /source: ScaledObject darkroom\/frontend: spec\.maxReplicaCount/,
  },
  {
    name: 'another cluster under the name of production',
    tamper: (_, environments) =>
      editTarget(environments, 'production', {
        cluster: { context: 'kind-darkroom-test', id: '00000000-0000-4000-8000-000000000000' },
      }),
    says: /is not the cluster of production: .*cluster\.id/,
  },
  {
    name: 'a soak time that is not over',
    tamper: (_, environments) => editTarget(environments, 'production', { soakSeconds: 86_400 }),
    says: /soak: production\/target\.yaml: soakSeconds asks for 86400 s/,
  },
  {
    name: 'an environment that does not take releases from staging',
    tamper: (_, environments) => editTarget(environments, 'production', { accepts: ['other'] }),
    says: /origin: production\/target\.yaml: accepts takes nothing from staging/,
  },
  {
    name: 'a Secret that is missing',
    tamper: async ({ two }) => {
      const read = [...APPS, 'get', 'secret', 'webhook-secrets', '--output', 'json'];
      const { metadata, ...rest } = JSON.parse(await two.production.run(read));
      await two.production.run([...APPS, 'delete', 'secret', 'webhook-secrets']);
      const { name, namespace, labels } = metadata;
      const secret = { ...rest, metadata: { name, namespace, labels } };
      return () => two.production.apply(JSON.stringify(secret));
    },
    says: /preflight: Secret darkroom\/webhook-secrets: data\.webhooks\.json is missing/,
  },
  {
    name: 'a field that somebody else owns',
    tamper: async ({ two }) => {
      const scale = (value: number) => [
        ...[...APPS, 'patch', 'scaledobject/worker-pinhole', '--type=merge'],
        ...[`--patch={"spec":{"cooldownPeriod":${value}}}`, '--field-manager=somebody'],
      ];
      await two.production.run(scale(59));
      return () => two.production.run(scale(60));
    },
    says: /dry run: ScaledObject darkroom\/worker-pinhole: .*cooldownPeriod.*somebody/s,
  },
  {
    name: 'an environment that there is none of',
    tamper: (_, environments) => rm(join(environments, 'production'), { recursive: true }),
    says: /production cannot be promoted to or from: .*target\.yaml is missing/,
  },
  {
    name: 'a release other than staging runs',
    tamper: async ({ two }) => {
      await two.source.change('models/pinhole/model.json', (text) =>
        text.replace('The built-in', 'Our'),
      );
      const other = await two.source.build(two.images);
      await two.source.undo();
      const folders = [two.source.releases, await releaseOf(two)] as const;
      const [mine, away] = [join(...folders), `${join(...folders)}.away`];
      await rename(mine, away);
      await rename(join(two.source.releases, other), mine);
      return async () => {
        await rm(mine, { recursive: true });
        await rename(away, mine);
      };
    },
    says: /release is .*, and the folder has another name/,
  },
];

async function putRight({ environments }: TwoClusters): Promise<void> {
  const to = ['rollback', 'staging', '--to-current', '--environments', environments];
  const run = await darkroom(['promote', ...to]);
  expect(run.code, endOf(run)).toBe(0);
}

export function refusalsSuite(rig: Rig): void {
  test.each(tamperings)('$name', async ({ tamper, says, more = [] }) => {
    const { two, promotions } = rig();
    const environments = await copyEnvironments(two.environments);
    onTestFinished(() => rm(environments, { recursive: true }));
    const undo = await tamper(rig(), environments);
    // Going back waits for what it puts right.
    if (typeof undo === 'function') onTestFinished(async () => void (await undo()), 900_000);
    const before = await promotions.versions();
    const run = await promotions.tryToGoOn({ environments, more });
    expect(run.stderr).toMatch(says);
    expect(run.code).toBe(1);
    expect(await promotions.versions()).toEqual(before);
  });

  test('straight to production, past staging', async () => {
    const { two, promotions } = rig();
    const before = await promotions.versions();
    const run = await darkroom([
      ...['promote', '--release', join(two.source.releases, await releaseOf(two))],
      ...['--to', 'production', '--environments', two.environments, '--yes'],
    ]);
    expect(run.stderr).toMatch(
      /origin: production\/target\.yaml: accepts takes releases from staging alone/,
    );
    expect(run.code).toBe(1);
    expect(await promotions.versions()).toEqual(before);
  });

  test('without rights in the cluster', async () => {
    const { two, promotions } = rig();
    const token = await two.production.run([...APPS, 'create', 'token', 'frontend']);
    const file = join(two.source.releases, '..', 'kubeconfig');
    const config = await two.production.run(['config', 'view', '--raw', '--output', 'json']);
    const { users, contexts, ...rest } = JSON.parse(config) as {
      users: unknown[];
      contexts: { name: string; context: { user: string } }[];
    };
    const powerless = contexts.map(({ name, context }) => ({
      name,
      context: name.endsWith('-target') ? { ...context, user: 'powerless' } : context,
    }));
    const user = { name: 'powerless', user: { token: token.trim() } };
    await writeFile(
      file,
      JSON.stringify({ ...rest, contexts: powerless, users: [...users, user] }),
    );
    const before = await promotions.versions();
    const run = await darkroom(
      [
        ...['promote', '--from', 'staging', '--to', 'production', '--yes'],
        ...['--environments', two.environments, '--releases', two.source.releases],
      ],
      { env: { KUBECONFIG: file } },
    );
    expect(run.stderr).toMatch(/does not allow it: .*forbidden.*docs\/promotion\.md/s);
    expect(run.code).toBe(1);
    expect(await promotions.versions()).toEqual(before);
  });
}
