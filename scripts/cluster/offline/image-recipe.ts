import { cp, link, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../../repository.ts';
import type { Docker } from '../docker.ts';
import type { Steps } from '../steps.ts';
import { fingerprint, fingerprintOf } from './cache.ts';

/** How an image is made of files that lie on this machine. */
export type ImageRecipe = {
  /** Its name, that of the image which it stands for. */
  name: string;
  dockerfile: string;
  /** The build's context: where each file comes from, by its path there. */
  files: Readonly<Record<string, string>>;
  /** Build arguments: the names of images that it begins with. */
  args?: Readonly<Record<string, string>>;
};

export const nodeImageFolder = join(repository, 'platform/node-image');

/** A small Debian userland, for images of programs that call others. */
export const USERLAND = 'darkroom/userland:bookworm';

/** Kept in each image that is made here: what it was made of. */
export const LABEL = 'dev.darkroom.made-of';

/**
 * Builds an image, unless the engine has one that was made of the same.
 *
 * @returns the fingerprint of what it is made of
 */
export async function makeImage(
  recipe: ImageRecipe,
  { docker, steps, signal }: { docker: Docker; steps: Steps; signal?: AbortSignal },
): Promise<string> {
  const sources = Object.entries(recipe.files).sort();
  // The names of cached files tell what they were made of; a text is read.
  const contents = await Promise.all(
    sources.map(async ([target, source]) =>
      source.startsWith(repository)
        ? `${target} ${await fingerprintOf([source])}`
        : `${target} ${source}`,
    ),
  );
  const bases = [
    ...recipe.dockerfile.matchAll(/^FROM (?!scratch|\$)(\S+)/gm).map((match) => match[1] ?? ''),
    ...Object.values(recipe.args ?? {}),
  ];
  const ids = await Promise.all(bases.map((base) => docker.imageId(base)));
  const key = fingerprint(recipe.dockerfile, ...ids, ...contents);
  if ((await docker.label(recipe.name, LABEL)) === key) return key;
  await steps.step(`making the image ${recipe.name}`, async (tell) => {
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-image-'));
    try {
      for (const [target, source] of sources) await place(source, join(folder, target));
      await writeFile(join(folder, 'Dockerfile'), recipe.dockerfile);
      await docker.build({
        folder,
        tag: recipe.name,
        args: { ...recipe.args },
        labels: { [LABEL]: key },
        onLine: tell,
        ...(signal && { signal }),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  return key;
}

/** A hard link, or a copy of what cannot be linked: a folder, a file of another file system. */
async function place(source: string, target: string): Promise<void> {
  await link(source, target).catch(() => cp(source, target, { recursive: true }));
}

/** One program in an image of its own. */
export const programImage = (options: {
  name: string;
  program: string;
  /** Its name in the image, at the root. */
  as: string;
  base?: string;
  user?: string;
}): ImageRecipe => ({
  name: options.name,
  dockerfile: [
    `FROM ${options.base ?? 'scratch'}`,
    `COPY program /${options.as}`,
    ...(options.user === undefined ? [] : [`USER ${options.user}`]),
    `ENTRYPOINT ["/${options.as}"]`,
    '',
  ].join('\n'),
  files: { program: options.program },
});

export const dockerfile = (name: string) => readFile(join(nodeImageFolder, name), 'utf8');
