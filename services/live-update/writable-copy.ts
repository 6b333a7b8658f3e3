import { cp, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** npm's links to the rooms. */
const ROOMS = '@darkroom';

/**
 * Copies the rooms of an installation (`services/`) and links to its packages (`node_modules/`), so that the
 * copy runs as the installation does and its code may be changed.
 *
 * @param target is made anew
 */
export async function makeWritableCopy(source: string, target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await cp(join(source, 'services'), join(target, 'services'), { recursive: true });
  const packages = join(target, 'node_modules');
  await mkdir(join(packages, ROOMS), { recursive: true });
  for (const name of await readdir(join(source, 'node_modules'))) {
    if (name !== ROOMS) await symlink(join(source, 'node_modules', name), join(packages, name));
  }
  // To the copies: a room that another imports is changed, too.
  for (const room of await readdir(join(source, 'node_modules', ROOMS))) {
    await symlink(join('../../services', room), join(packages, ROOMS, room));
  }
}
