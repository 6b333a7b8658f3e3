import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { z } from 'zod';
import { ownImages, readImageLock } from '../../platform/checks/images.ts';
import { exec } from '../cluster/exec.ts';
import { CommandFailure } from '../commands/failure.ts';
import { parseManifests } from '../render/manifest.ts';
import {
  isDigest,
  LOCK_FILE,
  MANIFESTS_FOLDER,
  PROVENANCE_FILE,
  type ReleaseLock,
  SBOM_FILE,
  writeDocument,
} from './lock.ts';
import { digestOf, releasedFiles, sha256 } from './manifest-files.ts';
import { provenanceOf } from './provenance.ts';
import { sbomOf } from './sbom.ts';

/** What Darkroom's manifests are written for. */
const KUBERNETES = '1.35';
export type ReleaseParts = {
  /** The checkout that it is made of. */
  repository: string;
  /** Digests by image name: of Darkroom's own, and of those whose lock has none. */
  images: Readonly<Record<string, string>>;
  /** The folders of the models' files, by name. */
  models: Readonly<Record<string, string>>;
  /** Reports of Vitest, in JSON. */
  reports: readonly string[];
};

/**
 * Puts a release together, as a folder that can be read, copied and compared.
 *
 * @param into the folder in which the release gets one of its own
 * @returns the folder, and what it consists of
 * @throws CommandFailure that names everything that is missing, or that the release is there already
 */
export async function buildRelease(
  parts: ReleaseParts,
  into: string,
): Promise<{ folder: string; lock: ReleaseLock }> {
  const { lock, sbom } = await documentsOf(parts);
  const lockText = writeDocument(lock);
  const folder = join(into, lock.release);
  const unfinished = `${folder}.${process.pid}.part`;
  await mkdir(unfinished, { recursive: true });
  try {
    for (const path of Object.keys(lock.manifests.files)) {
      const target = join(unfinished, MANIFESTS_FOLDER, path);
      await mkdir(dirname(target), { recursive: true });
      await cp(join(parts.repository, 'platform', path), target);
    }
    await writeFile(join(unfinished, SBOM_FILE), sbom);
    await writeFile(join(unfinished, LOCK_FILE), lockText);
    await writeFile(
      join(unfinished, PROVENANCE_FILE),
      writeDocument(provenanceOf(lockText, lock, parts.images)),
    );
    // Whole or not at all; and never over another.
    await rename(unfinished, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      throw new CommandFailure(
        `${folder} is there already; a release never changes: remove it, or build into another folder`,
      );
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return { folder, lock };
}

/** The lock, and the bill of materials that it names. */
async function documentsOf({
  repository,
  images,
  models,
  reports,
}: ReleaseParts): Promise<{ lock: ReleaseLock; sbom: string }> {
  const revision = await cleanRevision(repository);
  const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
  const files = await releasedFiles(join(repository, 'platform'));
  const materials = {
    release: `${version}-${revision.slice(0, 12)}`,
    images: allImages(repository, images),
    models: await allModels(repository, models),
  };
  const packageLock = await readFile(join(repository, 'package-lock.json'), 'utf8');
  const sbom = writeDocument(sbomOf({ ...materials, packageLock }));
  const lock: ReleaseLock = {
    format: 1,
    release: materials.release,
    source: { revision },
    versions: { darkroom: version, kubernetes: KUBERNETES },
    images: materials.images,
    models: materials.models,
    manifests: { digest: digestOf(files), files },
    sbom: sha256(sbom),
    tests: await Promise.all(reports.map(readReport)),
  };
  return { lock, sbom };
}

/** @throws CommandFailure where files differ from the commit: nobody could make the release again */
async function cleanRevision(repository: string): Promise<string> {
  const changed = (await exec('git', ['status', '--porcelain'], { cwd: repository })).trim();
  if (changed !== '') {
    throw new CommandFailure(
      `a release is made of a commit, and these files differ from it; commit or undo them:\n${changed}`,
    );
  }
  return (await exec('git', ['rev-parse', 'HEAD'], { cwd: repository })).trim();
}

/** @throws CommandFailure for names that nothing has, and images without a digest */
function allImages(repository: string, given: ReleaseParts['images']): ReleaseLock['images'] {
  const locked = readImageLock(join(repository, 'platform/images/kustomization.yaml'));
  const own = ownImages.map((image) => `darkroom/${image}`);
  const known = [...own, ...locked.map(({ name }) => name)];
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new CommandFailure(
      `no manifest has the image ${unknown.join(', ')}; there are ${known.join(', ')}`,
    );
  }
  const all = [
    ...own.map((name) => ({ name, digest: given[name] })),
    ...locked.map(({ name, newTag, digest }) => ({
      name,
      tag: newTag,
      digest: given[name] ?? digest,
    })),
  ];
  const wrong = all.filter(({ digest }) => digest !== undefined && !isDigest(digest));
  if (wrong.length > 0) {
    throw new CommandFailure(
      `an image is named by its digest, sha256: and 64 hexadecimal digits; these are not: ${wrong
        .map(({ name, digest }) => `${name}=${digest}`)
        .join(', ')}`,
    );
  }
  const missing = all.filter(({ digest }) => digest === undefined).map(({ name }) => name);
  if (missing.length > 0) {
    throw new CommandFailure(
      `no digest is known of ${missing.join(', ')}; give each with --image NAME=sha256:…`,
    );
  }
  return Object.fromEntries(
    all
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, digest = '', ...tag }) => [name, { ...tag, digest }]),
  );
}

/** @throws CommandFailure for models that are served and have no folder, or the other way around */
async function allModels(
  repository: string,
  folders: ReleaseParts['models'],
): Promise<ReleaseLock['models']> {
  const file = join(repository, 'platform/models/kustomization.yaml');
  const [served] = parseManifests(await readFile(file, 'utf8'));
  const names = (served?.['components'] ?? []) as string[];
  const wrong = [
    ...names.filter((name) => folders[name] === undefined),
    ...Object.keys(folders).filter((name) => !names.includes(name)),
  ];
  if (wrong.length > 0) {
    throw new CommandFailure(
      `the models served (${names.join(', ')}) and those given differ in ${wrong.join(', ')}; give the ` +
        'folder of each with --model NAME=FOLDER',
    );
  }
  const digests = await Promise.all(
    names.map(async (name) => {
      const { digest } = await verifyModelFolder(folders[name] ?? '');
      return [name, digest] as const;
    }),
  );
  return Object.fromEntries(digests.sort());
}

const vitestReport = z.object({
  numPassedTests: z.int().positive(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
});

/** @throws CommandFailure where tests failed, or it is no report */
async function readReport(file: string): Promise<ReleaseLock['tests'][number]> {
  const parsed = vitestReport.safeParse(
    await readFile(file, 'utf8').then(JSON.parse, () => undefined),
  );
  if (!parsed.success) {
    throw new CommandFailure(
      `${file} is no report of Vitest in JSON with tests that passed; run the tests with --reporter=json`,
    );
  }
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = parsed.data;
  if (failed > 0) throw new CommandFailure(`${file} tells of ${failed} tests that failed`);
  return { report: basename(file), passed, skipped };
}
