import { randomBytes } from 'node:crypto';
import {
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { createHub, type HubModel } from '@darkroom/hub';
import {
  type Content,
  commitOf,
  contentOf,
  type HubServer,
  startHubServer,
} from '@darkroom/hub/testing/hub-server.ts';
import { pinhole } from '@darkroom/pinhole';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PARTIAL } from './cached-file.ts';
import { type PullOptions, pullModel } from './pull-model.ts';
import { checkPulled, findPulled, listPulled, removePulled } from './pulled-models.ts';

const UNET = 'unet/model.onnx';
/** As an ONNX file is made outside: one field, its number and length before it. */
const unet = Buffer.concat([Buffer.from([0x3a, 0x80, 0x80, 0x40]), randomBytes(2 ** 20)]);
const small = Buffer.from([0x3a, 4, 1, 2, 3, 4]);
/** The built-in model with other graphs: nobody runs them here, and megabytes take their time. */
const whole = new Map(
  [...contentOf(pinhole.folder)].map(([path, bytes]) => [
    path,
    path === UNET ? unet : path.endsWith('.onnx') ? small : bytes,
  ]),
);
const total = [...whole.values()].reduce((sum, { length }) => sum + length, 0);
const changed = (path: string, bytes: string | Buffer): Content =>
  new Map([...whole, [path, Buffer.from(bytes)]]);

const revisions: Record<string, Content> = {
  main: whole,
  // Of other runtimes, precisions and purposes.
  crowded: new Map(
    [
      ...['README.md', 'unet/diffusion_pytorch_model.safetensors', 'sd.ckpt'],
      ...['text_encoder/pytorch_model.bin', 'unet/model_fp16.onnx', 'safety_checker/model.onnx'],
      ...['unet/model_fp16.onnx_data', 'onnx/unet/model.onnx', '.gitattributes'],
    ].reduce((content, path) => content.set(path, Buffer.from(path)), new Map(whole)),
  ),
  next: changed('unet/config.json', '{ "next": true }'),
  torch: new Map([['model_index.json', Buffer.from('{}')]]),
  broken: changed(UNET, 'no graph'),
};

let server: HubServer;
let modelDir: string;
beforeEach(async () => {
  server = await startHubServer({ 'org/dots': { revisions }, 'org/other': { revisions } });
  modelDir = await mkdtemp(join(tmpdir(), 'pull-model-'));
});
afterEach(async () => {
  await server.close();
  await rm(modelDir, { recursive: true });
});

const { signal } = new AbortController();
const find = (revision = 'main', repository = 'org/dots') =>
  createHub({ endpoint: server.endpoint, stallMs: 2_000 }).findModel(repository, revision, signal);
const pullFrom = (source: HubModel, options: Partial<PullOptions> = {}) =>
  pullModel({
    source,
    name: 'dots',
    modelDir,
    signal,
    patience: { firstMs: 1, longestMs: 1 },
    ...options,
  });
const pull = async (revision = 'main', options: Partial<PullOptions> = {}) =>
  pullFrom(await find(revision), options);

const path = (file = '') => join(modelDir, 'dots', file);
/** The folder that a version is brought into. */
const version = (content: Content) => join(modelDir, `dots.${commitOf(content).slice(0, 12)}`);
const drafts = async () =>
  (await readdir(modelDir, { recursive: true })).filter((file) => file.includes(PARTIAL));
async function expectWhole(folder = path()): Promise<void> {
  const there = contentOf(folder);
  for (const [file, bytes] of whole) expect(there.get(file)?.equals(bytes), file).toBe(true);
}
/** The requests for a file where the bytes come from, and where each began. */
const asked = (file: string) =>
  server.seen
    .filter((seen) => seen.path.startsWith('/') && seen.path.includes(`/${file}`))
    .filter(({ at, path }) => at === 'cdn' || path.startsWith('/api/resolve-cache/'))
    .map(({ range }) => range);

describe('a model that is pulled', () => {
  it('is in place whole, with what it is beside it, and a second pull asks for no file', async () => {
    const shown: number[] = [];
    const first = await pull('main', { onProgress: ({ done }) => shown.push(done) });
    const commit = commitOf(whole);
    const { digest } = first;
    expect(first).toMatchObject({ repository: 'org/dots', revision: 'main', commit });
    expect(first).toMatchObject({ size: total, fetched: total });
    await expectWhole();
    expect(shown).toEqual(shown.toSorted((a, b) => a - b));
    expect(shown.at(-1)).toBe(total);
    expect(await listPulled(modelDir)).toEqual([
      expect.objectContaining({ name: 'dots', repository: 'org/dots', commit, folder: path() }),
    ]);
    expect(await drafts()).toEqual([]);

    server.seen.length = 0;
    expect(await pull()).toMatchObject({ digest, fetched: 0 });
    expect(server.seen.map((seen) => seen.path)).toEqual([
      '/api/models/org/dots/revision/main',
      `/api/models/org/dots/tree/${commit}?recursive=true`,
    ]);
  });

  it('has no weights of other runtimes, precisions or purposes', async () => {
    await pull('crowded');
    await expectWhole();
    expect([...contentOf(version(revisions['crowded'] ?? whole)).keys()].sort()).toEqual(
      [...whole.keys(), 'pulled.json'].sort(),
    );
  });

  it('goes over to another revision in one step, and fetches only what differs', async () => {
    await pull();
    server.seen.length = 0;
    await pull('next');
    expect(await readFile(path('unet/config.json'), 'utf8')).toBe('{ "next": true }');
    expect(asked('unet/config.json')).toHaveLength(1);
    expect(asked(UNET)).toEqual([]);
    expect((await readdir(modelDir)).sort()).toEqual([
      '.dots.lock',
      'dots',
      await readlink(path()),
    ]);
  });

  it('keeps the version before when the next cannot be had', async () => {
    await pull();
    server.trouble = (file) =>
      file === 'unet/config.json' ? { kind: 'status', status: 404 } : undefined;
    await expect(pull('next')).rejects.toMatchObject({ kind: 'not-found' });
    await expectWhole();
  });

  it('is mended by another pull, which fetches what is damaged', async () => {
    await pull();
    await writeFile(path('tokenizer/merges.txt'), 'damaged');
    const pulled = await findPulled(modelDir, 'dots');
    await expect(checkPulled(pulled!)).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringMatching(
        /dots\/tokenizer\/merges.txt is not the file that org\/dots has .*`darkroom models pull org\/dots@[0-9a-f]{40} --name dots`/,
      ),
    });
    server.seen.length = 0;
    await pull();
    await checkPulled(pulled!);
    expect(asked('unet')).toEqual([]);
    expect(asked('tokenizer/merges.txt')).toEqual([undefined]);
  });

  it('is told from one with other weights of the same length', async () => {
    await pull();
    const bytes = Buffer.from(unet);
    bytes[500_000] = (bytes[500_000] ?? 0) ^ 1;
    await writeFile(path(UNET), bytes);
    const { files } = await verifyModelFolder(path());
    const pulled = await findPulled(modelDir, 'dots');
    await expect(checkPulled(pulled!, files)).rejects.toThrow(`${UNET} is not the file`);
  });

  it('is removed with all its versions, and an unfinished one, too', async () => {
    const options = { onWait: () => {}, signal };
    await pull();
    await removePulled(modelDir, 'dots', options);
    expect(await readdir(modelDir)).toEqual(['.dots.lock']);
    server.trouble = (file) => (file === UNET ? { kind: 'status', status: 404 } : undefined);
    await expect(pull()).rejects.toThrow();
    await removePulled(modelDir, 'dots', options);
    expect(await readdir(modelDir)).toEqual(['.dots.lock']);
    await expect(removePulled(modelDir, 'dots', options)).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  it('comes once where two pull it at once', async () => {
    let waited = 0;
    const onWait = () => {
      waited += 1;
    };
    const both = await Promise.all([pull('main', { onWait }), pull('main', { onWait })]);
    expect(both.map(({ fetched }) => fetched).sort((a, b) => a - b)).toEqual([0, total]);
    expect(waited).toBe(1);
    expect(asked(UNET)).toEqual([undefined]);
  });

  it('comes into a folder of models that is a link', async () => {
    await mkdir(join(modelDir, 'real'));
    await symlink('real', join(modelDir, 'link'));
    await pull('main', { modelDir: join(modelDir, 'link') });
    await expectWhole(join(modelDir, 'real/dots'));
  });
});

describe('a pull that is cut off', () => {
  it('goes on from where the connection broke', async () => {
    let left = 3;
    server.trouble = (file) =>
      file === UNET && left-- > 0 ? { kind: 'cut', after: 100_000 } : undefined;
    await pull();
    await expectWhole();
    const offsets = asked(UNET).map((range) => Number(/\d+/.exec(range ?? '0')?.[0]));
    expect(offsets).toHaveLength(4);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    expect(offsets.at(-1)).toBeGreaterThan(100_000);
  });

  it('begins again where a server knows no ranges', async () => {
    let left = 2;
    server.trouble = (file) => {
      if (file !== UNET) return undefined;
      return left-- > 0 ? { kind: 'cut', after: 50_000 } : { kind: 'no-ranges' };
    };
    await pull();
    await expectWhole();
  });

  it('takes the right bytes of a server that announces more', async () => {
    server.trouble = (file) =>
      file === UNET ? { kind: 'length', contentLength: 2 ** 45 } : undefined;
    await pull();
    await expectWhole();
  });

  it('goes on in another process, and has left nothing that could be taken for whole', async () => {
    const abort = new AbortController();
    server.trouble = (file) => (file === UNET ? { kind: 'stall', after: 900_000 } : undefined);
    const onProgress = ({ path, done }: { path: string; done: number }) => {
      if (path === UNET && done > total - 500_000) abort.abort(new Error('Ctrl-C'));
    };
    await expect(pull('main', { signal: abort.signal, onProgress })).rejects.toThrow('Ctrl-C');
    expect(await readdir(modelDir)).not.toContain('dots');
    await expect(verifyModelFolder(version(whole))).rejects.toThrow(`missing or empty: ${UNET}`);
    const [draft = ''] = await drafts();
    const { size } = await stat(join(modelDir, draft));
    expect(size).toBeGreaterThan(0);

    server.trouble = () => undefined;
    server.seen.length = 0;
    const { fetched } = await pull();
    expect(asked(UNET)).toEqual([`bytes=${size}-`]);
    expect(fetched).toBe(unet.length - size);
    await expectWhole();
    expect(await drafts()).toEqual([]);
  });

  it('begins a file again whose part is not right', async () => {
    const { files } = await find();
    const checksum = files.find((file) => file.path === UNET)?.checksum;
    const draft = `${UNET}${PARTIAL}${checksum && 'sha256' in checksum && checksum.sha256}`;
    await mkdir(dirname(join(version(whole), draft)), { recursive: true });
    await writeFile(join(version(whole), draft), Buffer.alloc(300_000));
    await writeFile(join(version(whole), `${UNET}${PARTIAL}of-another-file`), 'left');
    await pull();
    expect(asked(UNET)).toEqual(['bytes=300000-', undefined]);
    await expectWhole();
    expect(await drafts()).toEqual([]);
  });

  it('writes through no link that lies where a part would', async () => {
    const victim = join(modelDir, 'victim');
    await writeFile(victim, 'mine');
    const { files } = await find();
    for (const { path: file, checksum } of files) {
      const hex = 'sha256' in checksum ? checksum.sha256 : checksum.gitBlob;
      const draft = join(version(whole), `${file}${PARTIAL}${hex}`);
      await mkdir(dirname(draft), { recursive: true });
      await symlink(victim, draft);
      await symlink(victim, join(version(whole), file));
    }
    await pull();
    expect(await readFile(victim, 'utf8')).toBe('mine');
    expect((await lstat(path(UNET))).isFile()).toBe(true);
  });
});

describe('is refused, and nothing is left that looks whole,', () => {
  async function refusal(pulling: Promise<unknown>): Promise<Error & { kind?: string }> {
    const refused = await pulling.then(
      () => undefined,
      (error: Error) => error,
    );
    expect(refused).toBeInstanceOf(Error);
    expect(await findPulled(modelDir, 'dots')).toBeUndefined();
    return refused!;
  }
  const onUnet = (trouble: ReturnType<HubServer['trouble']>) => {
    server.trouble = (file) => (file === UNET ? trouble : undefined);
  };

  it('a file with other bytes than are listed', async () => {
    const forged = Buffer.from(unet);
    forged[500_000] = (forged[500_000] ?? 0) ^ 1;
    onUnet({ kind: 'bytes', content: forged });
    const { kind, message } = await refusal(pull());
    expect(kind).toBe('damaged');
    expect(message).toMatch(
      /unet\/model.onnx of org\/dots at .* has the checksum .* is listed; .*pull again/,
    );
    expect(await drafts()).toEqual([]);
  });

  it('a small file with other bytes than git has', async () => {
    server.trouble = (file) =>
      file === 'model_index.json' ? { kind: 'bytes', content: Buffer.alloc(557) } : undefined;
    expect(await refusal(pull())).toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('model_index.json of org/dots'),
    });
  });

  it('a file that is longer than listed, as soon as it is', async () => {
    onUnet({ kind: 'bytes', content: Buffer.concat([unet, Buffer.alloc(100)]) });
    expect(await refusal(pull())).toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining(`longer than the ${unet.length} bytes that are listed`),
    });
  });

  it('a file that never comes, after five attempts', async () => {
    onUnet({ kind: 'cut', after: 0 });
    expect(await refusal(pull())).toMatchObject({ kind: 'unavailable' });
    expect(asked(UNET)).toHaveLength(5);
  });

  it('a file that is shorter than listed', async () => {
    onUnet({ kind: 'bytes', content: unet.subarray(0, 100_000) });
    expect(await refusal(pull())).toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining(`fewer bytes of ${UNET} of org/dots than it lists`),
    });
  });

  it('a hub that refuses for too long', async () => {
    onUnet({ kind: 'status', status: 429, headers: { 'retry-after': '86400' } });
    expect(await refusal(pull())).toMatchObject({ kind: 'too-many' });
    expect(asked(UNET)).toHaveLength(1);
  });

  it('a listing that no disk has room for, before any file is asked for', async () => {
    server.listed = (entries) =>
      entries.map((entry) =>
        (entry as { path: string }).path === UNET
          ? { ...entry, lfs: { oid: '0'.repeat(64), size: 2 ** 52 } }
          : entry,
      );
    expect(await refusal(pull())).toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/dots needs .* more in .*, and .* are free/),
    });
    expect(asked('')).toEqual([]);
  });

  it('a disk that is full before the end, and goes on when there is room', async () => {
    const handle = await open(join(modelDir, 'any'), 'w');
    await handle.close();
    const write = vi.spyOn(Object.getPrototypeOf(handle), 'write');
    write.mockRejectedValue(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    try {
      expect(await refusal(pull())).toMatchObject({
        kind: 'unavailable',
        message: expect.stringContaining(`the disk of ${modelDir} is full: free some space`),
      });
    } finally {
      write.mockRestore();
    }
    await pull();
    await expectWhole();
  });

  it('a repository that has no such model, with what to name instead', async () => {
    expect(await refusal(pull('torch'))).toMatchObject({
      kind: 'configuration',
      message: expect.stringMatching(
        /org\/dots at torch is no .* it has no unet\/model.onnx; name a revision/,
      ),
    });
    expect(asked('')).toEqual([]);
  });

  it('files that make no model', async () => {
    const { name, message } = await refusal(pull('broken'));
    expect(name).toBe('ModelError');
    expect(message).toContain(UNET);
    expect(await readdir(modelDir)).not.toContain('dots');
  });

  it('a name that something else has, which is left as it is', async () => {
    await mkdir(path());
    await writeFile(path('notes'), 'mine');
    const { kind, message } = await refusal(pull());
    expect(kind).toBe('conflict');
    expect(message).toMatch(/was not put there by `darkroom models pull`.*--name/);
    await expect(removePulled(modelDir, 'dots', { onWait: () => {}, signal })).rejects.toThrow(
      'was not put there',
    );
    expect(await readFile(path('notes'), 'utf8')).toBe('mine');
  });

  it('a name that a link of somebody leads elsewhere', async () => {
    await mkdir(join(modelDir, 'elsewhere'));
    await symlink('elsewhere', path());
    expect(await refusal(pull())).toMatchObject({ kind: 'conflict' });
    expect(await readlink(path())).toBe('elsewhere');
  });
});

it('another model does not take the name of one that is there', async () => {
  await pull();
  await expect(pullFrom(await find('main', 'org/other'))).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringMatching(
      /dots is org\/dots; remove it with `darkroom models rm dots`.*--name/,
    ),
  });
  await expectWhole();
});
