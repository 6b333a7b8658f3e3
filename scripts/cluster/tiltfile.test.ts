import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { beforeAll, expect, onTestFinished, type TestContext, test } from 'vitest';
import { stringify } from 'yaml';
import { nameOf, parseManifests } from '../render/manifest.ts';
import { findTool } from '../render/tools.ts';
import { repository } from '../repository.ts';
import { ExecError, exec } from './exec.ts';
import { findTilt } from './offline/tilt.ts';

let kustomize: string;
beforeAll(async () => {
  kustomize = await findTool('kustomize');
}, 300_000);

/** What Tilt makes of the Tiltfile where kubectl's current context is this one. No cluster is asked. */
async function evaluate(context: string, { skip }: TestContext): Promise<string> {
  const tilt =
    findTilt() ?? skip('Tilt is not built on this machine; `npm run test:cluster` builds it');
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-tiltfile-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: context, cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: context, user: {} }],
      contexts: [{ name: context, context: { cluster: context, user: context } }],
      'current-context': context,
    }),
  );
  return exec(tilt, ['alpha', 'tiltfile-result', '--', '--cluster', 'golden'], {
    cwd: repository,
    env: {
      ...process.env,
      PATH: `${dirname(kustomize)}:${process.env.PATH}`,
      KUBECONFIG: kubeconfig,
      TILT_DEV_DIR: folder,
      DO_NOT_TRACK: '1',
    },
  });
}

/** What is read here of Tilt's result, whose form it calls unstable. */
type Result = {
  Manifests: {
    Name: string;
    TriggerMode: number;
    ResourceDependencies: string[] | null;
    Labels: Record<string, string>;
    ImageTargets: ImageTarget[] | null;
    DeployTarget: {
      yaml?: string;
      PodReadinessMode?: string;
      Links?: { URL: { Scheme: string; Host: string; Path: string }; Name: string }[] | null;
      UpdateCmdSpec?: { args: string[] };
    };
  }[];
};
type ImageTarget = {
  selector: string;
  LiveUpdateSpec: {
    stopPaths?: string[];
    syncs?: { localPath: string; containerPath: string }[];
  };
  BuildDetails: {
    target?: string;
    network?: string;
    contextIgnores: { basePath: string; patterns?: string[] }[];
  };
};

const triggers: Record<number, string> = {
  0: 'by itself',
  1: 'by itself at first, then when asked',
  2: 'when asked',
};

/** All that the Tiltfile decides, without what other files say. */
const decisions = ({ Manifests }: Result) =>
  Object.fromEntries(
    Manifests.map(({ Name, TriggerMode, ResourceDependencies, Labels, ...rest }) => {
      const { yaml, PodReadinessMode, Links, UpdateCmdSpec } = rest.DeployTarget;
      return [
        Name,
        {
          updates: triggers[TriggerMode],
          label: Object.keys(Labels).join(),
          ...(ResourceDependencies && { needs: ResourceDependencies }),
          ...(PodReadinessMode && { pods: PodReadinessMode }),
          ...(yaml && { objects: parseManifests(yaml).map(nameOf).map(withoutHash) }),
          ...(Links?.length && {
            links: Links.map((each) => `${each.URL.Scheme}://${each.URL.Host}${each.URL.Path}`),
          }),
          ...(rest.ImageTargets?.length && { images: rest.ImageTargets.map(imageDecisions) }),
          ...(UpdateCmdSpec && { command: UpdateCmdSpec.args.at(-1) }),
        },
      ];
    }),
  );

/** kustomize names a generated ConfigMap by its content. */
const withoutHash = (name: string) => name.replace(/^(ConfigMap .*)-[a-z0-9]{10}$/, '$1-HASH');

const imageDecisions = ({ selector, LiveUpdateSpec, BuildDetails }: ImageTarget) => ({
  name: selector,
  ...(BuildDetails.target && { target: BuildDetails.target }),
  network: BuildDetails.network,
  ignored: BuildDetails.contextIgnores
    .map(({ patterns = [] }) => patterns)
    // What .dockerignore says begins so.
    .filter(([first]) => first !== '*')
    .flat(),
  ...(LiveUpdateSpec.syncs && {
    synced: LiveUpdateSpec.syncs.map((each) => `${each.localPath} to ${each.containerPath}`),
    rebuiltFor: LiveUpdateSpec.stopPaths,
  }),
});

test('every resource, image, dependency, link and live update is as reviewed', async (context) => {
  const result = JSON.parse(await evaluate('kind-golden', context)) as Result;
  await expect(stringify(decisions(result))).toMatchFileSnapshot('testing/tiltfile.golden.yaml');
});

test('another context is refused, with what to do', async (context) => {
  const refused = await evaluate('production', context).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ExecError);
  // Of Tilt: an error of the Tiltfile.
  expect(refused).toMatchObject({ code: 5 });
  expect((refused as ExecError).stderr).toMatch(
    /context is production and not kind-golden.*cluster up --name golden.*kubectl config use-context kind-golden/,
  );
});
