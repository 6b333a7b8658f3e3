import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../commands/failure.ts';
import { readRelease } from '../read-release.ts';
import { packFolder } from './archive.ts';
import type { Crane } from './crane.ts';
import { writeLayout } from './layout.ts';
import { parseReference } from './reference.ts';

/**
 * Puts a release into a registry as one artifact, signatures included. The tag is the release's name.
 *
 * @param target `REGISTRY/REPOSITORY`
 * @returns where it can be pulled from, by digest: of the same folder always the same one
 * @throws CommandFailure where the folder is not what its lock says, or the registry does not take it
 */
export async function pushRelease(folder: string, target: string, crane: Crane): Promise<string> {
  const { repository, tag, digest: pinned } = parseReference(target);
  if (tag !== undefined || pinned !== undefined) {
    throw new UsageError(
      `${target} has a tag or digest; the release's name is its tag: give ${repository}`,
    );
  }
  const { lock } = await readRelease(folder);
  const work = await mkdtemp(join(tmpdir(), 'darkroom-push-'));
  try {
    const digest = await writeLayout(work, await packFolder(folder), {
      'org.opencontainers.image.revision': lock.source.revision,
      'org.opencontainers.image.version': lock.release,
    });
    await crane.push(work, `${repository}:${lock.release}`);
    return `${repository}@${digest}`;
  } finally {
    await rm(work, { recursive: true });
  }
}
