import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { describe, expect, it } from 'vitest';
import { PullSurroundings, total, UNET, unet, whole } from '../testing/pull-surroundings.ts';
import { PARTIAL } from './cached-file.ts';

const at = new PullSurroundings();

describe('a pull that is cut off', () => {
  it('goes on from where the connection broke', async () => {
    let left = 3;
    at.server.trouble = (file) =>
      file === UNET && left-- > 0 ? { kind: 'cut', after: 100_000 } : undefined;
    await at.pull();
    await at.expectWhole();
    const offsets = at.asked(UNET).map((range) => Number(/\d+/.exec(range ?? '0')?.[0]));
    expect(offsets).toHaveLength(4);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    expect(offsets.at(-1)).toBeGreaterThan(100_000);
  });

  it('begins again where a server knows no ranges', async () => {
    let left = 2;
    at.server.trouble = (file) => {
      if (file !== UNET) return undefined;
      return left-- > 0 ? { kind: 'cut', after: 50_000 } : { kind: 'no-ranges' };
    };
    await at.pull();
    await at.expectWhole();
  });

  it('takes the right bytes of a server that announces more', async () => {
    at.server.trouble = (file) =>
      file === UNET ? { kind: 'length', contentLength: 2 ** 45 } : undefined;
    await at.pull();
    await at.expectWhole();
  });

  it('goes on in another process, and has left nothing that could be taken for whole', async () => {
    const abort = new AbortController();
    at.server.trouble = (file) => (file === UNET ? { kind: 'stall', after: 900_000 } : undefined);
    const onProgress = ({ path, done }: { path: string; done: number }) => {
      if (path === UNET && done > total - 500_000) abort.abort(new Error('Ctrl-C'));
    };
    await expect(at.pull('main', { signal: abort.signal, onProgress })).rejects.toThrow('Ctrl-C');
    expect(await readdir(at.modelDir)).not.toContain('dots');
    await expect(verifyModelFolder(at.version(whole))).rejects.toThrow(`missing or empty: ${UNET}`);
    const [draft = ''] = await at.drafts();
    const { size } = await stat(join(at.modelDir, draft));
    expect(size).toBeGreaterThan(0);

    at.server.trouble = () => undefined;
    at.server.seen.length = 0;
    const { fetched } = await at.pull();
    expect(at.asked(UNET)).toEqual([`bytes=${size}-`]);
    expect(fetched).toBe(unet.length - size);
    await at.expectWhole();
    expect(await at.drafts()).toEqual([]);
  });

  it('begins a file again whose part is not right', async () => {
    const { files } = await at.find();
    const checksum = files.find((file) => file.path === UNET)?.checksum;
    const draft = `${UNET}${PARTIAL}${checksum && 'sha256' in checksum && checksum.sha256}`;
    await mkdir(dirname(join(at.version(whole), draft)), { recursive: true });
    await writeFile(join(at.version(whole), draft), Buffer.alloc(300_000));
    await writeFile(join(at.version(whole), `${UNET}${PARTIAL}of-another-file`), 'left');
    await at.pull();
    expect(at.asked(UNET)).toEqual(['bytes=300000-', undefined]);
    await at.expectWhole();
    expect(await at.drafts()).toEqual([]);
  });

  it('writes through no link that lies where a part would', async () => {
    const victim = join(at.modelDir, 'victim');
    await writeFile(victim, 'mine');
    const { files } = await at.find();
    for (const { path: file, checksum } of files) {
      const hex = 'sha256' in checksum ? checksum.sha256 : checksum.gitBlob;
      const draft = join(at.version(whole), `${file}${PARTIAL}${hex}`);
      await mkdir(dirname(draft), { recursive: true });
      await symlink(victim, draft);
      await symlink(victim, join(at.version(whole), file));
    }
    await at.pull();
    expect(await readFile(victim, 'utf8')).toBe('mine');
    expect((await lstat(at.path(UNET))).isFile()).toBe(true);
  });
});
