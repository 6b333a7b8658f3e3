import { spawnSync } from 'node:child_process';
import { baseImage } from './base-image.ts';
import { show } from './docker.ts';

export const images = { frontend: 'darkroom/frontend:local', worker: 'darkroom/worker:local' };

/**
 * Builds the frontend's and the worker's CPU image on this machine's engine.
 *
 * @returns whether the engine can pull images, as far as the base showed
 */
export function buildImages(): { canPull: boolean } {
  const base = baseImage();
  // BuildKit where the client has it; the engine's own builder otherwise.
  const buildkit = spawnSync('docker', ['buildx', 'version']).status === 0 ? '1' : '0';
  for (const [service, extra] of [
    ['frontend', []],
    ['worker', ['--target', 'cpu']],
  ] as const) {
    console.error(`containers: building ${images[service]} …`);
    show(
      'docker',
      [
        ...['build', '--file', `services/${service}/Dockerfile`, ...extra],
        ...['--build-arg', `BASE_IMAGE=${base.image}`, '--tag', images[service]],
        // The registry is reached as from this machine, whatever its name service and routes.
        ...['--network', 'host', '.'],
      ],
      { DOCKER_BUILDKIT: buildkit },
    );
  }
  return { canPull: !base.local };
}
