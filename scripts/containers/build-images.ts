import { baseImage } from '../cluster/base-image.ts';
import type { Docker } from '../cluster/docker.ts';
import { buildOwnImages } from '../cluster/own-images.ts';
import type { Steps } from '../cluster/steps.ts';

export const images = { frontend: 'darkroom/frontend:local', worker: 'darkroom/worker:local' };

/**
 * Builds the images of Darkroom's services on an engine.
 *
 * @returns whether the engine can pull images, as far as the base showed
 */
export async function buildImages(options: {
  docker: Docker;
  steps: Steps;
}): Promise<{ canPull: boolean }> {
  const base = await baseImage({ ...options, airgap: false });
  await buildOwnImages({ ...options, base: base.image });
  return { canPull: !base.local };
}
