import { mkdir, open, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HubServer } from '@darkroom/hub/testing/hub-server.ts';
import { describe, expect, it, vi } from 'vitest';
import { PullSurroundings, UNET, unet } from '../testing/pull-surroundings.ts';
import { findPulled, removePulled } from './pulled-models.ts';

const at = new PullSurroundings();
const { signal } = new AbortController();

describe('is refused, and nothing is left that looks whole,', () => {
  async function refusal(pulling: Promise<unknown>): Promise<Error & { kind?: string }> {
    const refused = await pulling.then(
      () => undefined,
      (error: Error) => error,
    );
    expect(refused).toBeInstanceOf(Error);
    expect(await findPulled(at.modelDir, 'dots')).toBeUndefined();
    return refused!;
  }
  const onUnet = (trouble: ReturnType<HubServer['trouble']>) => {
    at.server.trouble = (file) => (file === UNET ? trouble : undefined);
  };

  it('a file with other bytes than are listed', async () => {
    const forged = Buffer.from(unet);
    forged[500_000] = (forged[500_000] ?? 0) ^ 1;
    onUnet({ kind: 'bytes', content: forged });
    const { kind, message } = await refusal(at.pull());
    expect(kind).toBe('damaged');
    expect(message).toMatch(
      /unet\/model.onnx of org\/dots at .* has the checksum .* is listed; .*pull again/,
    );
    expect(await at.drafts()).toEqual([]);
  });

  it('a small file with other bytes than git has', async () => {
    at.server.trouble = (file) =>
      file === 'model_index.json' ? { kind: 'bytes', content: Buffer.alloc(557) } : undefined;
    expect(await refusal(at.pull())).toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('model_index.json of org/dots'),
    });
  });

  it('a file that is longer than listed, as soon as it is', async () => {
    onUnet({ kind: 'bytes', content: Buffer.concat([unet, Buffer.alloc(100)]) });
    expect(await refusal(at.pull())).toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining(`longer than the ${unet.length} bytes that are listed`),
    });
  });

  it('a file that never comes, after five attempts', async () => {
    onUnet({ kind: 'cut', after: 0 });
    expect(await refusal(at.pull())).toMatchObject({ kind: 'unavailable' });
    expect(at.asked(UNET)).toHaveLength(5);
  });

  it('a file that is shorter than listed', async () => {
    onUnet({ kind: 'bytes', content: unet.subarray(0, 100_000) });
    expect(await refusal(at.pull())).toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining(`fewer bytes of ${UNET} of org/dots than it lists`),
    });
  });

  it('a hub that refuses for too long', async () => {
    onUnet({ kind: 'status', status: 429, headers: { 'retry-after': '86400' } });
    expect(await refusal(at.pull())).toMatchObject({ kind: 'too-many' });
    expect(at.asked(UNET)).toHaveLength(1);
  });

  it('a listing that no disk has room for, before any file is asked for', async () => {
    at.server.listed = (entries) =>
      entries.map((entry) =>
        (entry as { path: string }).path === UNET
          ? { ...entry, lfs: { oid: '0'.repeat(64), size: 2 ** 52 } }
          : entry,
      );
    expect(await refusal(at.pull())).toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/dots needs .* more in .*, and .* are free/),
    });
    expect(at.asked('')).toEqual([]);
  });

  it('a disk that is full before the end, and goes on when there is room', async () => {
    const handle = await open(join(at.modelDir, 'any'), 'w');
    await handle.close();
    const write = vi.spyOn(Object.getPrototypeOf(handle), 'write');
    write.mockRejectedValue(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    try {
      expect(await refusal(at.pull())).toMatchObject({
        kind: 'unavailable',
        message: expect.stringContaining(`the disk of ${at.modelDir} is full: free some space`),
      });
    } finally {
      write.mockRestore();
    }
    await at.pull();
    await at.expectWhole();
  });

  it('a repository that has no such model, with what to name instead', async () => {
    expect(await refusal(at.pull('torch'))).toMatchObject({
      kind: 'configuration',
      message: expect.stringMatching(
        /org\/dots at torch is no .* it has no unet\/model.onnx; name a revision/,
      ),
    });
    expect(at.asked('')).toEqual([]);
  });

  it('files that make no model', async () => {
    const { name, message } = await refusal(at.pull('broken'));
    expect(name).toBe('ModelError');
    expect(message).toContain(UNET);
    expect(await readdir(at.modelDir)).not.toContain('dots');
  });

  it('a name that something else has, which is left as it is', async () => {
    await mkdir(at.path());
    await writeFile(at.path('notes'), 'mine');
    const { kind, message } = await refusal(at.pull());
    expect(kind).toBe('conflict');
    expect(message).toMatch(/was not put there by `darkroom models pull`.*--name/);
    await expect(removePulled(at.modelDir, 'dots', { onWait: () => {}, signal })).rejects.toThrow(
      'was not put there',
    );
    expect(await readFile(at.path('notes'), 'utf8')).toBe('mine');
  });

  it('a name that a link of somebody leads elsewhere', async () => {
    await mkdir(join(at.modelDir, 'elsewhere'));
    await symlink('elsewhere', at.path());
    expect(await refusal(at.pull())).toMatchObject({ kind: 'conflict' });
    expect(await readlink(at.path())).toBe('elsewhere');
  });
});
