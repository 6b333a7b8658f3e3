import { join } from 'node:path';
import { repository } from '../repository.ts';
import type { Docker } from './docker.ts';
import type { Steps } from './steps.ts';

/** The services that are deployed, by the target of their Dockerfile where it has several. */
const targets = {
  frontend: undefined,
  worker: 'cpu',
  'gpu-simulator': undefined,
  'deletion-cost': undefined,
  drift: undefined,
} as const;

/**
 * Builds the images of Darkroom's own services.
 *
 * @param base any image with Node 24 and npm
 * @returns their tags, by the name that manifests give them
 */
export async function buildOwnImages(options: {
  docker: Docker;
  steps: Steps;
  base: string;
  signal?: AbortSignal;
}): Promise<Record<string, string>> {
  const { docker, steps, base, signal } = options;
  const tags: Record<string, string> = {};
  for (const [service, target] of Object.entries(targets)) {
    const name = `darkroom/${service}`;
    const tag = `${name}:local`;
    await steps.step(`building ${name}`, (tell) =>
      docker.build({
        folder: repository,
        file: join(repository, 'services', service, 'Dockerfile'),
        tag,
        args: { BASE_IMAGE: base },
        onLine: tell,
        ...(target !== undefined && { target }),
        ...(signal && { signal }),
      }),
    );
    tags[name] = tag;
  }
  return tags;
}
