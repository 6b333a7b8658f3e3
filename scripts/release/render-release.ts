import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { CommandFailure } from '../commands/failure.ts';
import { type Layer, layers } from '../render/environments.ts';
import { type Rendered, renderFolder } from '../render/render.ts';
import { MANIFESTS_FOLDER, type ReleaseLock } from './lock.ts';
import type { Release } from './read-release.ts';

/** An entry of kustomize's `images`. */
type ImageEntry = { name: string; newName?: string; newTag?: string; digest?: string };
type ImagesComponent = { images: ImageEntry[] };

/**
 * What a release is in an environment: its manifests, bound by the environment, with the release's images and
 * models by their digests and no tag of the environment's own.
 *
 * @param environment the folder with its layers and its `images`, as platform/environments/NAME
 * @throws CommandFailure where the environment binds an image that the release has not
 */
export async function renderRelease(
  { folder, lock }: Release,
  environment: string,
): Promise<Record<Layer, Rendered>> {
  const work = await mkdtemp(join(tmpdir(), 'darkroom-release-'));
  try {
    const platform = join(work, MANIFESTS_FOLDER);
    const bound = join(platform, 'environments', 'environment');
    await cp(join(folder, MANIFESTS_FOLDER), platform, { recursive: true });
    await cp(environment, bound, { recursive: true });
    for (const component of [join(platform, 'images'), join(bound, 'images')]) {
      await bindDigests(join(component, 'kustomization.yaml'), lock.images);
    }
    await bindModels(join(platform, 'models/kustomization.yaml'), lock.models);
    const rendered = layers.map(
      async (layer) => [layer, await renderFolder(join(bound, layer))] as const,
    );
    return Object.fromEntries(await Promise.all(rendered)) as Record<Layer, Rendered>;
  } finally {
    await rm(work, { recursive: true });
  }
}

async function bindDigests(file: string, locked: ReleaseLock['images']): Promise<void> {
  const component = parse(await readFile(file, 'utf8')) as ImagesComponent;
  const images = component.images.map(({ name, newName }): ImageEntry => {
    const image = locked[name];
    if (image === undefined) {
      throw new CommandFailure(
        `the environment binds the image ${name}, which the release has not; it has ` +
          Object.keys(locked).join(', '),
      );
    }
    return { name, ...(newName && { newName }), ...withTag(image) };
  });
  await writeFile(file, stringify({ ...component, images }));
}

/** The workers of each model fetch and run the version that the release was made with. */
async function bindModels(file: string, locked: ReleaseLock['models']): Promise<void> {
  const kustomization = parse(await readFile(file, 'utf8')) as { patches?: unknown[] };
  const patches = Object.entries(locked).map(([name, digest]) => ({
    target: { kind: 'Deployment', name: `worker-${name}` },
    patch: stringify([{ op: 'add', path: MODEL_DIGEST, value: digest }]),
  }));
  const bound = { ...kustomization, patches: [...(kustomization.patches ?? []), ...patches] };
  await writeFile(file, stringify(bound));
}

const MODEL_DIGEST = '/spec/template/metadata/annotations/darkroom.dev~1model-digest';

/** A tag beside the digest is for people: the digest alone says what is pulled. */
const withTag = ({ tag, digest }: ReleaseLock['images'][string]) => ({
  ...(tag !== undefined && { newTag: tag }),
  digest,
});
