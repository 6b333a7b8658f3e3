import { randomUUID } from 'node:crypto';
import { lstat, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError, modelName } from '@darkroom/contract';
import { z } from 'zod';
import { PARTIAL } from './cached-file.ts';
import { withFolderLock } from './folder-lock.ts';
import { isWhole, sourceFile } from './model-source.ts';

/** What `pullModel` leaves in the folder of a version that is whole. */
const FILE = 'pulled.json';

const record = z.object({
  /** `ORG/NAME` */
  repository: z.string(),
  /** As it was asked for. */
  revision: z.string(),
  commit: z.string(),
  files: z.array(sourceFile),
});
export type PullRecord = z.output<typeof record>;

export type PulledModel = PullRecord & {
  name: string;
  /** The link of that name, which leads to the version. */
  folder: string;
};

/** The folder of a version, beside the link that has the model's name alone. */
export const versionOf = (name: string, commit: string): string => `${name}.${commit.slice(0, 12)}`;
const isVersionOf = (name: string, entry: string): boolean =>
  entry.startsWith(`${name}.`) && /^[0-9a-f]{12}$/.test(entry.slice(name.length + 1));

/** What was pulled as `modelDir/name`; undefined where nothing has the name, or something else. */
export async function findPulled(modelDir: string, name: string): Promise<PulledModel | undefined> {
  const folder = join(modelDir, name);
  const target = await readlink(folder).catch(() => undefined);
  if (target === undefined || !isVersionOf(name, target)) return undefined;
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return { name, folder, ...record.parse(JSON.parse(text)) };
  } catch (cause) {
    const what = `${join(folder, FILE)} is damaged, which says what was pulled`;
    const remedy = `remove ${name} with \`darkroom models rm ${name}\` and pull it again`;
    throw new DarkroomError('damaged', `${what}; ${remedy}`, { cause });
  }
}

/** Everything that was pulled into a folder of models, by name; nothing where there is no such folder. */
export async function listPulled(modelDir: string): Promise<PulledModel[]> {
  const entries = await readdir(modelDir).catch((): string[] => []);
  const names = entries.filter((entry) => modelName.safeParse(entry).success).sort();
  const pulled = await Promise.all(names.map((name) => findPulled(modelDir, name)));
  return pulled.filter((model) => model !== undefined);
}

/**
 * @param read the files of the folder that were read already, with their SHA-256
 * @throws DarkroomError (`damaged`) that names the first file which is not as it was pulled
 */
export async function checkPulled(
  { name, folder, ...pulled }: PulledModel,
  read: readonly { path: string; sha256: string }[] = [],
): Promise<void> {
  const known = new Map(read.map(({ path, sha256 }) => [path, sha256]));
  for (const file of pulled.files) {
    const { path, checksum } = file;
    const sha256 = known.get(path);
    const isRead = sha256 !== undefined && 'sha256' in checksum;
    if (isRead ? sha256 === checksum.sha256 : await isWhole(folder, file)) continue;
    const again = `darkroom models pull ${pulled.repository}@${pulled.commit} --name ${name}`;
    throw new DarkroomError(
      'damaged',
      `${join(folder, path)} is not the file that ${pulled.repository} has at ${pulled.commit}; ` +
        `\`${again}\` brings it again`,
    );
  }
}

/** Says of a version that it is whole. */
export async function writePullRecord(folder: string, pulled: PullRecord): Promise<void> {
  const draft = join(folder, `${FILE}${PARTIAL}${randomUUID()}`);
  await writeFile(draft, `${JSON.stringify(pulled, null, 2)}\n`);
  await rename(draft, join(folder, FILE));
}

/** Removes versions of a model, other than `keep`, and what unfinished pulls of them have left. */
export async function removeVersions(modelDir: string, name: string, keep?: string): Promise<void> {
  for (const entry of await readdir(modelDir)) {
    if (!isVersionOf(name, entry) || entry === keep) continue;
    await rm(join(modelDir, entry), { recursive: true, force: true });
  }
}

/**
 * Removes a model that was pulled, or what an unfinished pull of it has left. It is gone at once, its files
 * soon after.
 *
 * @throws DarkroomError: `not-found` where there is none; `conflict` where the folder of that name was not
 *   pulled
 */
export async function removePulled(
  modelDir: string,
  name: string,
  options: { onWait: () => void; signal: AbortSignal },
): Promise<void> {
  const entries = await readdir(modelDir).catch((): string[] => []);
  const link = join(modelDir, name);
  if (entries.includes(name)) await refuseForeign(modelDir, name);
  else if (!entries.some((entry) => isVersionOf(name, entry))) {
    throw new DarkroomError(
      'not-found',
      `${modelDir} has no model ${name}; \`darkroom models list --local\` shows what it has`,
    );
  }
  const remove = async () => {
    await rm(link, { force: true });
    await removeVersions(modelDir, name);
  };
  await withFolderLock(lockOf(modelDir, name), remove, options);
}

export const lockOf = (modelDir: string, name: string): string => join(modelDir, `.${name}.lock`);

/** @throws DarkroomError (`conflict`) where `modelDir/name` is there and is no link to a pulled version */
export async function refuseForeign(modelDir: string, name: string): Promise<void> {
  const path = join(modelDir, name);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (found.isSymbolicLink() && isVersionOf(name, await readlink(path))) return;
  throw new DarkroomError(
    'conflict',
    `${path} was not put there by \`darkroom models pull\`, which leaves it as it is; move it away, or ` +
      'give the pulled model another name with --name',
  );
}
