import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { CommandFailure } from '../commands/failure.ts';
import {
  isOfRelease,
  LOCK_FILE,
  MANIFESTS_FOLDER,
  PROVENANCE_FILE,
  type ReleaseLock,
  releaseLock,
  SBOM_FILE,
} from './lock.ts';
import { digestOf, sha256, sumsOf } from './manifest-files.ts';
import { provenanceProblem } from './provenance.ts';

/** A release whose folder is what its lock says. */
export type Release = { folder: string; lock: ReleaseLock };

/**
 * Reads a release, and compares each of its files with the lock. Who made the lock is not looked at: a
 * signature tells that (`verifySignature`).
 *
 * @throws CommandFailure that names every file that was changed, added or taken away, or every field of the
 *   lock that is not as it must be
 */
export async function readRelease(folder: string): Promise<Release> {
  const { lock, text } = await readLock(folder);
  const problems: string[] = [];
  const present = await sumsOf(join(folder, MANIFESTS_FOLDER)).catch(
    (): Record<string, string> => ({}),
  );
  const expected = lock.manifests.files;
  for (const path of new Set([...Object.keys(expected), ...Object.keys(present)])) {
    const [is, was] = [present[path], expected[path]];
    if (is === was) continue;
    const what = is === undefined ? 'is missing' : was === undefined ? 'was added' : 'was changed';
    problems.push(`${MANIFESTS_FOLDER}/${path} ${what}`);
  }
  problems.push(...(await documentProblems(folder, text, lock)));
  if (digestOf(expected) !== lock.manifests.digest) {
    problems.push(`${LOCK_FILE}: manifests.digest is not that of manifests.files`);
  }
  if (basename(resolve(folder)) !== lock.release) {
    problems.push(`${LOCK_FILE}: release is ${lock.release}, and the folder has another name`);
  }
  if (problems.length > 0) {
    throw new CommandFailure(
      `${folder} is not the release that was built; take it anew from where it was published:\n  ${problems.join('\n  ')}`,
    );
  }
  return { folder, lock };
}

/** What is wrong with the files beside the manifests. */
async function documentProblems(
  folder: string,
  lockText: string,
  lock: ReleaseLock,
): Promise<string[]> {
  const read = (name: string) => readFile(join(folder, name), 'utf8').catch(() => undefined);
  const [sbom, provenance] = [await read(SBOM_FILE), await read(PROVENANCE_FILE)];
  const added = (await readdir(folder)).filter((name) => !isOfRelease(name));
  return [
    ...added.map((name) => `${name} was added`),
    ...(sbom === undefined ? [`${SBOM_FILE} is missing`] : []),
    ...(sbom !== undefined && sha256(sbom) !== lock.sbom ? [`${SBOM_FILE} was changed`] : []),
    provenance === undefined
      ? `${PROVENANCE_FILE} is missing`
      : provenanceProblem(provenance, lockText, lock),
  ].filter((problem) => problem !== undefined);
}

/** The lock that a folder has, and its text; its files are not looked at. */
export async function readLock(folder: string): Promise<{ lock: ReleaseLock; text: string }> {
  const file = join(folder, LOCK_FILE);
  const text = await readFile(file, 'utf8').catch(() => {
    throw new CommandFailure(`${folder} is no release: it has no ${LOCK_FILE}`);
  });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${file} is no JSON: ${(error as Error).message}`);
  }
  const parsed = releaseLock.safeParse(content);
  if (parsed.success) return { lock: parsed.data, text };
  throw new CommandFailure(`${file} is not as it must be:\n${z.prettifyError(parsed.error)}`);
}
