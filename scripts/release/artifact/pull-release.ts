import type { Buffer } from 'node:buffer';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailure, UsageError } from '../../commands/failure.ts';
import { sha256 } from '../manifest-files.ts';
import { type Release, readLock, readRelease } from '../read-release.ts';
import { type Trust, verifySignature } from '../signature.ts';
import { unpackInto } from './archive.ts';
import type { Crane } from './crane.ts';
import { layerOf, readBlob } from './layout.ts';
import { parseReference } from './reference.ts';

/**
 * Gets a release from a registry, as the folder that was pushed. It is there once all of it was compared
 * with its lock, and its signature with whom is trusted.
 *
 * @param source `REGISTRY/REPOSITORY:TAG`, or `@sha256:…`, which nobody can put another release under
 * @param into the folder in which the release gets one of its own
 * @returns the release, and where it was pulled from by digest
 * @throws CommandFailure where it is none, was tampered with, or is there already
 */
export async function pullRelease(
  source: string,
  into: string,
  crane: Crane,
  trust?: Trust,
): Promise<Release & { reference: string }> {
  const { repository, tag, digest: pinned } = parseReference(source);
  if (tag === undefined && pinned === undefined) {
    throw new UsageError(`${source} does not say which release; add :TAG or @sha256:…`);
  }
  await mkdir(into, { recursive: true });
  // Beside its place, so that a rename puts it there as a whole.
  const work = await mkdtemp(join(into, '.pull-'));
  try {
    const manifest = await crane.manifest(source);
    const digest = sha256(manifest);
    // A tag may be moved meanwhile; and a registry need not be believed.
    const reference = `${repository}@${pinned ?? digest}`;
    const layer = layerOf(manifest);
    if (layer === undefined || (pinned !== undefined && digest !== pinned)) {
      throw new CommandFailure(
        `${source} is no release of Darkroom; \`darkroom release push\` puts one into a registry`,
      );
    }
    const layout = join(work, 'layout');
    await crane.pull(reference, layout);
    const folder = await unpacked(await readBlob(layout, layer), work, source);
    const { lock } = await readRelease(folder);
    if (trust !== undefined) await verifySignature(folder, trust);
    const place = join(into, lock.release);
    await rename(folder, place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      throw new CommandFailure(
        `${place} is there already; remove it, or pull into another folder with --output`,
      );
    });
    return { folder: place, lock, reference };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @returns a folder with the release's own name, which its lock tells */
async function unpacked(archive: Buffer, work: string, source: string): Promise<string> {
  const nameless = join(work, 'files');
  await mkdir(nameless);
  await unpackInto(nameless, archive).catch((error: Error) => {
    throw new CommandFailure(
      `${source} cannot be unpacked (${error.message}); push the release anew with this command`,
    );
  });
  const { lock } = await readLock(nameless);
  const folder = join(work, lock.release);
  await rename(nameless, folder);
  return folder;
}
