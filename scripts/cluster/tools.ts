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
  const find = async (name: ToolName) => {
    const version = await installedVersion(name, toolVersions[name].asks);
    if (version !== undefined && toolVersions[name].fits.test(version)) return name;
    if (build) return buildProgram(name, { steps, ...(signal && { signal }) });
    const built = await findProgram(name);
    if (built !== undefined) return built;
    throw new CommandFailure(
      `${name} is not installed: install it, or run \`darkroom cluster up\`, which builds it`,
    );
  };
  const kindPath = await find('kind');
  const kubectlPath = await find('kubectl');
  return {
    kind: createKind(kindPath, docker),
    kubectl: createKubectl(kubectlPath, contextOf(names)),
    paths: { kind: kindPath, kubectl: kubectlPath },
  };
}

/** Which of the installed programs are used. */
export const toolVersions = {
  /** The first that makes clusters of Kubernetes 1.35, and later ones. */
  kind: { asks: ['version'], fits: /v0\.(3[1-9]|[4-9]\d)\./, told: '0.31 or later' },
  /** Those that may speak to Kubernetes 1.35: one minor version off (the version skew policy). */
  kubectl: { asks: ['version', '--client'], fits: /v1\.3[456]\./, told: '1.34 to 1.36' },
};

type ToolName = keyof typeof toolVersions;

/** The first line of what an installed program says of its version; undefined where there is none. */
export const installedVersion = (program: string, asks: string[]): Promise<string | undefined> =>
  exec(program, asks, { timeoutMs: 10_000 }).then(
    (words) => words.split('\n')[0]?.trim(),
    () => undefined,
  );
