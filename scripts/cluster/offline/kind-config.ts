import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGoProgram, findGoProgram } from '@darkroom/testing/go';
import { repository } from '../../repository.ts';
import type { Steps } from '../steps.ts';
import { fingerprintOf } from './cache.ts';
import { withModuleCopy } from './module-copy.ts';

const source = join(repository, 'platform/tools/kind-config/main.go');
const pin = join(repository, 'platform/tools/kind/go.mod');
/** Go lets it import kind's internal packages from nowhere else. */
const inKind = 'pkg/cluster/kind-config';

/**
 * The program that says what kind makes of a cluster's configuration (platform/tools/kind-config), built
 * once, of the version of kind that makes clusters here, and kept in the cache folder.
 *
 * @returns its path
 */
export async function buildKindConfig(steps: Pick<Steps, 'say'>): Promise<string> {
  const program = { name: 'kind-config', version: await fingerprintOf([pin, source]) };
  const built = findGoProgram(program);
  if (built !== undefined) return built;
  return withModuleCopy({ tool: 'kind', path: 'sigs.k8s.io/kind' }, steps, async (folder) => {
    await mkdir(join(folder, inKind));
    await cp(source, join(folder, inKind, 'main.go'));
    return buildGoProgram({
      ...program,
      folder,
      package: `./${inKind}`,
      takes: 'half a minute',
      otherwise: 'put kind-config into the cache folder',
      say: steps.say,
    });
  });
}
