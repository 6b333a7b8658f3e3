import { mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { commitOf, contentOf } from '@darkroom/hub/testing/hub-server.ts';
import { describe, expect, it } from 'vitest';
import {
  PullSurroundings,
  revisions,
  total,
  UNET,
  unet,
  whole,
} from '../testing/pull-surroundings.ts';
import { checkPulled, findPulled, listPulled, removePulled } from './pulled-models.ts';

const at = new PullSurroundings();
const { signal } = new AbortController();

describe('a model that is pulled', () => {
  it('is in place whole, with what it is beside it, and a second pull asks for no file', async () => {
    const shown: number[] = [];
    const first = await at.pull('main', { onProgress: ({ done }) => shown.push(done) });
    const commit = commitOf(whole);
    const { digest } = first;
    expect(first).toMatchObject({ repository: 'org/dots', revision: 'main', commit });
    expect(first).toMatchObject({ size: total, fetched: total });
    await at.expectWhole();
    expect(shown).toEqual(shown.toSorted((a, b) => a - b));
    expect(shown.at(-1)).toBe(total);
    expect(await listPulled(at.modelDir)).toEqual([
      expect.objectContaining({ name: 'dots', repository: 'org/dots', commit, folder: at.path() }),
    ]);
    expect(await at.drafts()).toEqual([]);

    at.server.seen.length = 0;
    expect(await at.pull()).toMatchObject({ digest, fetched: 0 });
    expect(at.server.seen.map((seen) => seen.path)).toEqual([
      '/api/models/org/dots/revision/main',
      `/api/models/org/dots/tree/${commit}?recursive=true`,
    ]);
  });

  it('has no weights of other runtimes, precisions or purposes', async () => {
    await at.pull('crowded');
    await at.expectWhole();
    expect([...contentOf(at.version(revisions['crowded'] ?? whole)).keys()].sort()).toEqual(
      [...whole.keys(), 'pulled.json'].sort(),
    );
  });

  it('goes over to another revision in one step, and fetches only what differs', async () => {
    await at.pull();
    at.server.seen.length = 0;
    await at.pull('next');
    expect(await readFile(at.path('unet/config.json'), 'utf8')).toBe('{ "next": true }');
    expect(at.asked('unet/config.json')).toHaveLength(1);
    expect(at.asked(UNET)).toEqual([]);
    expect((await readdir(at.modelDir)).sort()).toEqual([
      '.dots.lock',
      'dots',
      await readlink(at.path()),
    ]);
  });

  it('keeps the version before when the next cannot be had', async () => {
    await at.pull();
    at.server.trouble = (file) =>
      file === 'unet/config.json' ? { kind: 'status', status: 404 } : undefined;
    await expect(at.pull('next')).rejects.toMatchObject({ kind: 'not-found' });
    await at.expectWhole();
  });

  it('is mended by another pull, which fetches what is damaged', async () => {
    await at.pull();
    await writeFile(at.path('tokenizer/merges.txt'), 'damaged');
    const pulled = await findPulled(at.modelDir, 'dots');
    await expect(checkPulled(pulled!)).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringMatching(
        /dots\/tokenizer\/merges.txt is not the file that org\/dots has .*`darkroom models pull org\/dots@[0-9a-f]{40} --name dots`/,
      ),
    });
    at.server.seen.length = 0;
    await at.pull();
    await checkPulled(pulled!);
    expect(at.asked('unet')).toEqual([]);
    expect(at.asked('tokenizer/merges.txt')).toEqual([undefined]);
  });

  it('is told from one with other weights of the same length', async () => {
    await at.pull();
    const bytes = Buffer.from(unet);
    bytes[500_000] = (bytes[500_000] ?? 0) ^ 1;
    await writeFile(at.path(UNET), bytes);
    const { files } = await verifyModelFolder(at.path());
    const pulled = await findPulled(at.modelDir, 'dots');
    await expect(checkPulled(pulled!, files)).rejects.toThrow(`${UNET} is not the file`);
  });

  it('is removed with all its versions, and an unfinished one, too', async () => {
    const options = { onWait: () => {}, signal };
    await at.pull();
    await removePulled(at.modelDir, 'dots', options);
    expect(await readdir(at.modelDir)).toEqual(['.dots.lock']);
    at.server.trouble = (file) => (file === UNET ? { kind: 'status', status: 404 } : undefined);
    await expect(at.pull()).rejects.toThrow();
    await removePulled(at.modelDir, 'dots', options);
    expect(await readdir(at.modelDir)).toEqual(['.dots.lock']);
    await expect(removePulled(at.modelDir, 'dots', options)).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  it('comes once where two pull it at once', async () => {
    let waited = 0;
    const onWait = () => {
      waited += 1;
    };
    const both = await Promise.all([at.pull('main', { onWait }), at.pull('main', { onWait })]);
    expect(both.map(({ fetched }) => fetched).sort((a, b) => a - b)).toEqual([0, total]);
    expect(waited).toBe(1);
    expect(at.asked(UNET)).toEqual([undefined]);
  });

  it('comes into a folder of models that is a link', async () => {
    await mkdir(join(at.modelDir, 'real'));
    await symlink('real', join(at.modelDir, 'link'));
    await at.pull('main', { modelDir: join(at.modelDir, 'link') });
    await at.expectWhole(join(at.modelDir, 'real/dots'));
  });
});

it('another model does not take the name of one that is there', async () => {
  await at.pull();
  await expect(at.pullFrom(await at.find('main', 'org/other'))).rejects.toMatchObject({
    kind: 'conflict',
    message: expect.stringMatching(
      /dots is org\/dots; remove it with `darkroom models rm dots`.*--name/,
    ),
  });
  await at.expectWhole();
});
