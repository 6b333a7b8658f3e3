// `npm run test:containers`: builds the images of the services and runs the tests that need a Docker engine.
// Where none answers, says so and ends well: there is nothing to test here, and nothing failed.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { createDocker } from '../cluster/docker.ts';
import { createSteps } from '../cluster/steps.ts';
import { repository } from '../repository.ts';
import { buildImages } from './build-images.ts';
import { engineTrouble } from './docker.ts';

const trouble = engineTrouble();
if (trouble !== undefined) {
  console.log(
    `containers: NOT RUN, 0 tests: no Docker engine answers (${trouble}).\n` +
      'containers: start one (`systemctl start docker`, or `dockerd` as root), or name it in ' +
      'DOCKER_HOST, and run this again.',
  );
} else {
  const { canPull } = await buildImages({
    docker: await createDocker(),
    steps: createSteps(console.error),
  });
  const env = { ...process.env };
  if (!canPull && env.TESTCONTAINERS_RYUK_DISABLED === undefined) {
    console.error("containers: testcontainers' reaper cannot be pulled, so it is switched off");
    env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  }
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'containers'], {
    cwd: repository,
    env,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}
