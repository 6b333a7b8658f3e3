import { containersOf, workloadsOf } from '../../platform/checks/pods.ts';
import { exec } from '../cluster/exec.ts';
import { CommandFailure } from '../commands/failure.ts';
import type { Manifest } from '../render/manifest.ts';
import type { Target } from './target.ts';

/** An image of a release: where this machine reads it, and where the target's nodes will look for it. */
export type ImageCopy = { digest: string; from: string; to: string };

type Place = { target: Pick<Target, 'registries'>; objects: readonly Manifest[] };

/**
 * What has to be copied so that a target's nodes find every image under its digest. Where both environments
 * use the same registry, `from` and `to` are the same.
 *
 * @param source none: the release enters here, and its images are where they were published
 */
export function imageCopies(source: Place | undefined, target: Place): ImageCopy[] {
  const there = source && namesByDigest(source);
  return [...namesByDigest(target)].map(([digest, to]) => ({
    digest,
    from: there?.get(digest) ?? to,
    to,
  }));
}

function namesByDigest({ target, objects }: Place): Map<string, string> {
  const images = workloadsOf(objects).flatMap((workload) => [
    ...containersOf(workload).map(({ container }) => container.image),
    ...(workload.pod.volumes ?? []).flatMap(({ image }) => image?.reference ?? []),
  ]);
  return new Map(
    images.map((image) => {
      const [name = '', digest = ''] = image.split('@');
      return [digest, reached(name.replace(/:[^:/]+$/, ''), target)];
    }),
  );
}

/** By which name this machine reaches what nodes reach by another. */
function reached(name: string, { registries }: Pick<Target, 'registries'>): string {
  const [registry = '', ...path] = name.split('/');
  return [registries[registry] ?? registry, ...path].join('/');
}

/**
 * Copies images with everything that they consist of, and sees that they are there under their digests.
 *
 * @param crane go-containerregistry's program
 * @param tag under which the target's registry keeps them: without one it would clear them away
 * @throws CommandFailure that names the image, and what its registry says
 */
export async function copyImages(
  copies: readonly ImageCopy[],
  options: { crane: string; tag: string; tell: (what: string) => void; signal: AbortSignal },
): Promise<void> {
  const { crane, tag, tell, signal } = options;
  for (const { digest, from, to } of copies) {
    tell(to);
    if (await isThere(crane, `${to}@${digest}`, signal)) continue;
    if (from === to) throw missing(`${to}@${digest}`, 'publish it there first');
    await exec(crane, ['copy', `${from}@${digest}`, `${to}:${tag}`], { signal }).catch(
      (error: Error) => {
        signal.throwIfAborted();
        throw new CommandFailure(`${from}@${digest} cannot be copied to ${to}: ${error.message}`);
      },
    );
    if (!(await isThere(crane, `${to}@${digest}`, signal))) {
      throw missing(`${to}@${digest}`, 'its registry has changed it while it was copied');
    }
  }
}

const missing = (image: string, remedy: string) =>
  new CommandFailure(`the image ${image} is not in its registry; ${remedy}`);

/** @throws CommandFailure where its registry does not answer */
async function isThere(crane: string, image: string, signal: AbortSignal): Promise<boolean> {
  try {
    const digest = await exec(crane, ['digest', image], { signal, timeoutMs: 60_000 });
    return digest.trim() === image.split('@')[1];
  } catch (error) {
    signal.throwIfAborted();
    const words = (error as Error).message;
    if (/MANIFEST_UNKNOWN|NAME_UNKNOWN|404 Not Found/.test(words)) return false;
    throw new CommandFailure(
      `the registry of ${image} cannot be asked: ${words}; see that it runs, that this machine reaches it ` +
        '(`registries` in target.yaml), and that it knows you (`crane auth login`)',
    );
  }
}
