import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DarkroomError } from '@darkroom/contract';
import { verifyModelFolder } from '@darkroom/diffusion';
import { createLogger } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { createFsStore, type ObjectStore } from '@darkroom/storage';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchModelFiles } from './fetch-model-files.ts';
import { manifestDigest, writeManifest } from './manifest.ts';
import { pushModel } from './push-model.ts';

let folder: string;
let objects: ObjectStore;
let digest: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-models-'));
  objects = createFsStore({ folder: join(folder, 'store') });
  ({ digest } = await pushModel({ objects, folder: pinhole.folder, name: 'dots' }));
});
afterAll(() => rm(folder, { recursive: true }));

let modelDir: string;
beforeEach(async () => {
  modelDir = await mkdtemp(join(folder, 'cache-'));
});

/** Brings a model as a worker's pod would, and says which files it read. */
async function fetchModel(
  name = 'dots',
  over: Partial<ObjectStore> & { digest?: string } = {},
): Promise<string[]> {
  const keys: string[] = [];
  const read: ObjectStore['read'] = (key) => {
    keys.push(key.slice(`models/${name}/files/`.length));
    return (over.read ?? objects.read)(key);
  };
  await fetchModelFiles({
    objects: { get: over.get ?? objects.get, read },
    prefix: 'models/',
    name,
    digest: over.digest,
    modelDir,
    logger: createLogger({ name: 'fetch-model', level: 'silent' }),
    signal: new AbortController().signal,
  });
  return keys;
}

const digestOf = async (name = 'dots') => (await verifyModelFolder(join(modelDir, name))).digest;
const sha256Of = async (path: string) =>
  createHash('sha256')
    .update(await readFile(join(pinhole.folder, path)))
    .digest('hex');
const drafts = async () =>
  (await readdir(modelDir, { recursive: true })).filter((path) => path.includes('.partial-'));

/** A model of one small file, which is no model for an engine. */
async function pushText(name: string, text: string, over: { bytes?: number } = {}) {
  const sha256 = createHash('sha256').update(text).digest('hex');
  const key = `models/${name}/files/${sha256}`;
  await objects.put(key, Buffer.from(text), 'text/plain');
  const files = [{ path: 'text', bytes: text.length, sha256, ...over }];
  const digest = manifestDigest({ files });
  await writeManifest(objects, { prefix: 'models/', name, digest }, { files });
  await writeManifest(objects, { prefix: 'models/', name }, { files });
  return { sha256, key, digest };
}

it('waits for a store that a pod does not reach yet', async () => {
  let asked = 0;
  const get: ObjectStore['get'] = (...args) => {
    asked += 1;
    if (asked < 3) throw new DarkroomError('unavailable', 'ECONNREFUSED');
    return objects.get(...args);
  };
  await fetchModel('dots', { get });
  expect(asked).toBe(3);
  expect(await digestOf()).toBe(digest);
});

it('brings the model that was pushed, and finds it in place the next time', async () => {
  expect(await fetchModel()).toContain(await sha256Of('unet/model.onnx'));
  expect(await digestOf()).toBe(digest);
  expect(await fetchModel()).toEqual([]);
  expect(await drafts()).toEqual([]);
});

it('fetches again only what is missing or damaged, and removes what a killed one has left', async () => {
  await fetchModel();
  const unet = join(modelDir, 'dots/unet/model.onnx');
  const bytes = await readFile(unet);
  bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
  await writeFile(unet, bytes);
  await rm(join(modelDir, 'dots/tokenizer/vocab.json'));
  await writeFile(`${unet}.partial-x`, 'half');
  expect(await fetchModel()).toEqual([
    await sha256Of('tokenizer/vocab.json'),
    await sha256Of('unet/model.onnx'),
  ]);
  expect(await digestOf()).toBe(digest);
  expect(await drafts()).toEqual([]);
});

it('is done once where several processes of a machine begin together', async () => {
  const keys = (await Promise.all([fetchModel(), fetchModel(), fetchModel()])).flat();
  expect(keys).toHaveLength(new Set(keys).size);
  expect(await digestOf()).toBe(digest);
});

it('goes over to another version in one step, and leaves the old one to its readers', async () => {
  await pushText('changing', 'first');
  await fetchModel('changing');
  const first = join(modelDir, await readlink(join(modelDir, 'changing')));
  await pushText('changing', 'second');
  await fetchModel('changing');
  expect(await readFile(join(modelDir, 'changing/text'), 'utf8')).toBe('second');
  expect(await readFile(join(first, 'text'), 'utf8')).toBe('first');
});

it('brings the version that is named beside the one pushed last, and moves no link', async () => {
  const first = await pushText('bound', 'first');
  const second = await pushText('bound', 'second');
  await fetchModel('bound');
  const { digest } = first;
  expect(await fetchModel('bound', { digest })).toEqual([first.sha256]);
  expect(await fetchModel('bound', { digest })).toEqual([]);
  const textOf = (version: string) => readFile(join(modelDir, version, 'text'), 'utf8');
  expect(await textOf(`bound.${digest.slice(0, 16)}`)).toBe('first');
  expect(await textOf(`bound.${second.digest.slice(0, 16)}`)).toBe('second');
  expect(await textOf('bound')).toBe('second');
});

it('brings a version that is named beside a folder that somebody has put there', async () => {
  const { digest } = await pushText('beside', 'pushed');
  await mkdir(join(modelDir, 'beside'));
  await writeFile(join(modelDir, 'beside/text'), 'else');
  await fetchModel('beside', { digest });
  const version = join(modelDir, `beside.${digest.slice(0, 16)}`);
  expect(await readFile(join(version, 'text'), 'utf8')).toBe('pushed');
  expect(await readFile(join(modelDir, 'beside/text'), 'utf8')).toBe('else');
});

it('uses a folder that somebody has put there, if it is the same, and never changes it', async () => {
  await pushText('own', 'mine');
  await mkdir(join(modelDir, 'own'));
  await writeFile(join(modelDir, 'own/text'), 'mine');
  expect(await fetchModel('own')).toEqual([]);
  await writeFile(join(modelDir, 'own/text'), 'else');
  await expect(fetchModel('own')).rejects.toMatchObject({
    kind: 'configuration',
    message: expect.stringContaining('own was not made by this step, and its text is not'),
  });
  expect(await readFile(join(modelDir, 'own/text'), 'utf8')).toBe('else');
});

it('asks again for a file whose bytes stop coming', async () => {
  let failures = 2;
  async function* broken(content: AsyncIterable<Uint8Array>) {
    for await (const chunk of content) {
      yield chunk;
      failures -= 1;
      if (failures >= 0) throw new DarkroomError('unavailable', 'the connection broke');
    }
  }
  const read: ObjectStore['read'] = async (key) => {
    const content = await objects.read(key);
    return content && broken(content);
  };
  await fetchModel('dots', { read });
  expect(await digestOf()).toBe(digest);
});

describe('is refused, and leaves no model in place,', () => {
  const expectRefusal = (name: string, kind: string, ...words: string[]) =>
    expectRefusalOf({ name }, kind, ...words);
  const expectRefusalOf = async (
    { name, digest }: { name: string; digest?: string },
    kind: string,
    ...words: string[]
  ) => {
    const refused = await fetchModel(name, digest ? { digest } : {}).catch((error: Error) => error);
    expect(refused).toMatchObject({ kind });
    for (const word of words) expect((refused as Error).message).toContain(word);
    const inPlace = (entry: string) =>
      digest === undefined ? entry === name : entry.startsWith(name);
    expect((await readdir(modelDir)).filter(inPlace)).toEqual([]);
    expect(await drafts()).toEqual([]);
  };

  it('without a manifest, with what to do', async () => {
    const push = 'darkroom models push FOLDER --name absent';
    await expectRefusal('absent', 'configuration', 'has no models/absent/manifest.json', push);
  });

  it('without the manifest of the version that is named, with what to do', async () => {
    await pushText('other', 'other');
    const version = { name: 'other', digest: 'f'.repeat(64) };
    const key = `models/other/${version.digest}.json`;
    await expectRefusalOf(
      version,
      'configuration',
      `has no ${key}`,
      'push that version',
      'promote',
    );
  });

  it('when the manifest is that of another version than its name says', async () => {
    const { digest } = await pushText('swapped', 'right');
    const other = await objects.get(
      `models/swapped/${(await pushText('swapped', 'wrong')).digest}.json`,
    );
    const key = `models/swapped/${digest}.json`;
    await objects.put(key, other?.bytes ?? Buffer.of(), 'application/json');
    await expectRefusalOf(
      { name: 'swapped', digest },
      'damaged',
      `${key} is the manifest of another`,
    );
  });

  it('when it was pushed before versions were kept, with what to do', async () => {
    const files = [{ path: 'text', bytes: 3, sha256: '0'.repeat(64) }];
    await objects.put('models/old/text', Buffer.from('old'), 'text/plain');
    await writeManifest(objects, { prefix: 'models/', name: 'old' }, { files });
    await expectRefusal('old', 'damaged', 'has no models/old/files/000', 'push the model again');
  });

  it('when a file is not the one that the manifest names, with both digests', async () => {
    const { sha256, key } = await pushText('forged', 'right');
    await objects.put(key, Buffer.from('wrong'), 'text/plain');
    const is = '8810ad581e59f2bc3928b261707a71308f7e139eb04820366dc4d5c18d980225';
    await expectRefusal('forged', 'damaged', key, `its manifest says ${sha256}`, is);
  });

  it('when a file is shorter or longer than the manifest says', async () => {
    const short = await pushText('short', 'short', { bytes: 6 });
    await expectRefusal('short', 'damaged', `${short.key} has 5 bytes`, 'says 6');
    const long = await pushText('long', 'long', { bytes: 3 });
    await expectRefusal('long', 'damaged', `${long.key} has more than 3 bytes`);
  });

  it('when a file is not there', async () => {
    const { key } = await pushText('gone', 'gone');
    await objects.remove([key]);
    await expectRefusal('gone', 'damaged', `has no ${key}`, 'push the model again');
  });

  it('when it does not fit on the disk, before anything is fetched', async () => {
    await pushText('huge', 'huge', { bytes: 2 ** 52 });
    await expectRefusal('huge', 'unavailable', 'huge needs 4294967296.0 MiB more', 'free');
  });

  it.each([
    ['../escape', 'a path that leads out of the folder'],
    ['/etc/passwd', 'a path of the machine'],
    ['unet/.partial-x', 'a name of a draft'],
  ])('for the path %s: %s', async (path) => {
    const manifest = { files: [{ path, bytes: 1, sha256: '0'.repeat(64) }] };
    const bytes = Buffer.from(JSON.stringify(manifest));
    await objects.put('models/escape/manifest.json', bytes, 'application/json');
    await expectRefusal('escape', 'damaged', 'models/escape/manifest.json', 'relative path');
  });
});
