import { readFileSync } from 'node:fs';
import { parseManifests } from '../../scripts/render/manifest.ts';
import { platformPath } from '../../scripts/render/render.ts';
import { type Finding, finding } from './finding.ts';
import { containersOf, type Workload } from './pods.ts';

export type LockedImage = { name: string; newTag: string; digest?: string };

/** Darkroom's own images, by what stands after the last `darkroom/` of their name. */
export const ownImages = ['frontend', 'worker', 'deletion-cost', 'drift', 'gpu-simulator'] as const;
export type OwnImage = (typeof ownImages)[number];

/** Images whose publisher's digest could not be looked up when they were taken into the lock. */
const withoutDigest = [
  'docker.io/library/rabbitmq',
  'docker.io/cloudnativelabs/kube-router',
] as const;

/** The lock of all images that others publish: this checkout's unless told. */
export function readImageLock(
  file: string = platformPath('images/kustomization.yaml'),
): LockedImage[] {
  const [lock] = parseManifests(readFileSync(file, 'utf8'));
  return (lock?.['images'] ?? []) as LockedImage[];
}

/** The parts of `registry/path:tag@sha256:…`. */
function parseImage(image: string): { name: string; tag?: string; digest?: string } {
  const [rest = '', digest] = image.split('@');
  const [, name = rest, tag] = rest.match(/^(.*):([^:/]+)$/) ?? [];
  return { name, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** Which of Darkroom's own images it is, wherever its registry. */
export function ownImageOf(image: string): OwnImage | undefined {
  const part = parseImage(image).name.match(/(?:^|\/)darkroom\/([^/]+)$/)?.[1];
  return ownImages.find((own) => own === part);
}

/** Every image is Darkroom's own or locked, says which build of it is meant, and not `latest`. */
export function checkImages(
  workloads: readonly Workload[],
  { lock = readImageLock(), digests }: { lock?: LockedImage[]; digests: boolean },
): Finding[] {
  return workloads.flatMap((workload) =>
    containersOf(workload).flatMap(({ container: { image }, at }) => {
      const report = (problem: string, remedy: string) => [
        finding(workload.object, `${at}.image`, `${image} ${problem}`, remedy),
      ];
      const { name, tag, digest } = parseImage(image);
      if (tag === 'latest' || (tag === undefined && digest === undefined)) {
        return report('means another build tomorrow', 'name a version');
      }
      if (ownImageOf(image) !== undefined) return [];
      const locked = lock.find((entry) => entry.name === name);
      if (locked === undefined) {
        return report(
          'is not in the lock',
          'add its name, tag and digest to platform/images/kustomization.yaml',
        );
      }
      if (tag !== locked.newTag) {
        return report(
          `is not the locked ${locked.newTag}`,
          'change the tag there or in platform/images/kustomization.yaml',
        );
      }
      if (digest !== (digests ? locked.digest : undefined)) {
        return digests
          ? report(
              'has not the digest of the lock',
              'let the environment take in the component platform/images',
            )
          : report(
              'has a digest',
              'this environment takes images by tag, from where it built them',
            );
      }
      return [];
    }),
  );
}

/** The lock itself: a digest for each image but those that are known to have none. */
export function checkImageLock(lock: LockedImage[] = readImageLock()): Finding[] {
  return lock.flatMap(({ name, digest }) => {
    const excepted = (withoutDigest as readonly string[]).includes(name);
    if (digest === undefined ? excepted : !excepted && /^sha256:[0-9a-f]{64}$/.test(digest)) {
      return [];
    }
    return [
      {
        object: 'platform/images/kustomization.yaml',
        field: `images[${name}].digest`,
        problem: digest === undefined ? 'is missing' : `is ${digest}`,
        remedy: 'write the digest that the publisher shows for the tag',
      },
    ];
  });
}
