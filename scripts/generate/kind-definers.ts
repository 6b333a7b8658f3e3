import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, parseManifests } from '../render/manifest.ts';

/** Those who define the kinds that are not Kubernetes' own: Go module, and the folder of its definitions. */
const definers = [
  ['github.com/kedacore/keda/v2@v2.20.2', 'config/crd/bases'],
  ['github.com/external-secrets/external-secrets@v1.3.2', 'config/crds/bases'],
  ['github.com/aws/karpenter-provider-aws@v1.14.0', 'pkg/apis/crds'],
  ['github.com/rabbitmq/cluster-operator/v2@v2.22.4', 'config/crd/bases'],
  ['github.com/prometheus-operator/prometheus-operator@v0.85.0', 'example/prometheus-operator-crd'],
] as const;

/** Those whose objects a site writes that has Darkroom applied by others (docs/gitops.md). */
const appliers = [
  ['github.com/argoproj/argo-cd/v3@v3.5.5', 'manifests/crds'],
  ['github.com/fluxcd/kustomize-controller@v1.9.6', 'config/crd/bases'],
  ['github.com/fluxcd/source-controller@v1.9.6', 'config/crd/bases'],
] as const;

/** Their kinds that docs/gitops.md has, as `VERSION KIND`. */
export const applierKinds = [
  'argoproj.io/v1alpha1 Application',
  'kustomize.toolkit.fluxcd.io/v1 Kustomization',
  'source.toolkit.fluxcd.io/v1 GitRepository',
  'source.toolkit.fluxcd.io/v1 OCIRepository',
] as const;

/**
 * The folder of a Go module, fetched by Go, which checks its sum.
 *
 * @param go the path of Go
 */
export function fetchModule(module: string, go = 'go'): string {
  // Outside of every module, so that no go.mod chooses another version.
  const elsewhere = mkdtempSync(join(tmpdir(), 'darkroom-module-'));
  try {
    const args = ['mod', 'download', '-json', module];
    return JSON.parse(execFileSync(go, args, { cwd: elsewhere, encoding: 'utf8' })).Dir;
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
}

/** The CustomResourceDefinitions of the kinds that the platform has, as their definers publish them. */
export const customResourceDefinitions = (go?: string): Manifest[] =>
  definers.flatMap((definer) => definitionsOf(definer, go));

/** And those of Argo CD and Flux. */
export const applierDefinitions = (): Manifest[] =>
  appliers.flatMap((applier) => definitionsOf(applier));

function definitionsOf([module, path]: readonly [string, string], go?: string): Manifest[] {
  const folder = join(fetchModule(module, go), path);
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files
    .flatMap((file) => parseManifests(readFileSync(join(folder, file), 'utf8')))
    .filter(({ kind }) => kind === 'CustomResourceDefinition');
}
