import { fileURLToPath } from 'node:url';
import { buildGoProgram } from '@darkroom/testing/go';

const tools = {
  kustomize: {
    version: 'v5.8.1',
    package: 'sigs.k8s.io/kustomize/kustomize/v5',
    takes: 'half a minute',
  },
  kubeconform: {
    version: 'v0.7.0',
    package: 'github.com/yannh/kubeconform/cmd/kubeconform',
    takes: 'half a minute',
  },
  'kube-score': {
    version: 'v1.20.0',
    package: 'github.com/zegl/kube-score/cmd/kube-score',
    takes: 'a minute',
  },
  actionlint: {
    version: 'v1.7.12',
    package: 'github.com/rhysd/actionlint/cmd/actionlint',
    takes: 'half a minute',
  },
} as const;

export type Tool = keyof typeof tools;

export const toolNames = Object.keys(tools) as Tool[];

/**
 * A program that renders or judges manifests or workflows, built once from the Go module that
 * `platform/tools/NAME` pins: the same on every machine, and no download but Go's own.
 *
 * @returns its path
 * @throws Error that says what to do when it cannot be built
 */
export const findTool = (name: Tool, say: (line: string) => void = () => {}): Promise<string> =>
  buildGoProgram({
    name,
    ...tools[name],
    folder: fileURLToPath(new URL(`../../platform/tools/${name}`, import.meta.url)),
    otherwise: `put ${name} ${tools[name].version} into the cache folder`,
    say,
  });
