import { CommandFailure } from '../commands/failure.ts';
import type { Docker } from './docker.ts';
import { exec } from './exec.ts';
import { createKind, type Kind } from './kind.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';
import { type ClusterNames, contextOf } from './names.ts';
import { buildProgram, findProgram } from './offline/build-program.ts';
import type { Steps } from './steps.ts';

/** The programs that a cluster is made and looked at with. */
export type Tools = {
  kind: Kind;
  kubectl: Kubectl;
  /** Their paths, for what needs no cluster and for other clusters. */
  paths: { kind: string; kubectl: string };
};

/**
 * kind and kubectl: the installed ones where they fit, else those built from their pinned Go modules.
 *
 * @param build builds what was not built before, unless false
 * @throws CommandFailure when they are missing and may not be built
 */
export async function findTools(options: {
  docker: Docker;
  names: ClusterNames;
  steps: Steps;
  build?: boolean;
  signal?: AbortSignal | undefined;
}): Promise<Tools> {
  const { docker, names, steps, build = true, signal } = options;
  const find = async (name: 'kind' | 'kubectl', installed: Promise<boolean>) => {
    if (await installed) return name;
    if (build) return buildProgram(name, { steps, ...(signal && { signal }) });
    const built = await findProgram(name);
    if (built !== undefined) return built;
    throw new CommandFailure(
      `${name} is not installed: install it, or run \`darkroom cluster up\`, which builds it`,
    );
  };
  const kindPath = await find('kind', answersTo('kind', ['version'], /./));
  const kubectlPath = await find(
    'kubectl',
    answersTo('kubectl', ['version', '--client'], KUBECTL_VERSION),
  );
  return {
    kind: createKind(kindPath, docker),
    kubectl: createKubectl(kubectlPath, contextOf(names)),
    paths: { kind: kindPath, kubectl: kubectlPath },
  };
}

/** Those that may speak to Kubernetes 1.35: one minor version off (the version skew policy). */
export const KUBECTL_VERSION = /v1\.3[456]\./;

const answersTo = (program: string, args: string[], wanted: RegExp) =>
  exec(program, args, { timeoutMs: 10_000 }).then(
    (words) => wanted.test(words),
    () => false,
  );
