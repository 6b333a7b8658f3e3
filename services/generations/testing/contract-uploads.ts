import { createHash, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { GenerationStore } from '../store.ts';
import type { UploadName } from '../upload-store.ts';
import { actors } from './actors.ts';

export function testUploads(store: () => GenerationStore): void {
  const named = (): UploadName => ({
    tenant: randomUUID(),
    sha256: createHash('sha256').update(randomUUID()).digest('hex'),
  });

  const note = (upload: UploadName, stored: boolean) => store().noteUpload({ ...upload, stored });
  const uploaded = async (): Promise<UploadName> => {
    const upload = named();
    expect(await note(upload, false)).toBe(true);
    expect(await note(upload, true)).toBe(true);
    return upload;
  };
  const use = ({ tenant, sha256 }: UploadName) => store().useUploads(tenant, [sha256]);
  const take = async (upload: UploadName, { unusedMs = 0, retryMs = 3_600_000 } = {}) => {
    const taken = await store().takeUnusedUploads({ unusedMs, retryMs, limit: 1_000 });
    return taken.some(({ sha256 }) => sha256 === upload.sha256);
  };

  test('finds what was stored, for its tenant alone', async () => {
    const upload = await uploaded();
    expect(await use(upload)).toEqual([upload.sha256]);
    expect(await use({ ...upload, tenant: 'somebody' })).toEqual([]);
    expect(await store().useUploads(upload.tenant, [])).toEqual([]);
  });

  test('finds nothing that is only about to be stored, and not less once it is', async () => {
    const upload = named();
    await note(upload, false);
    expect(await use(upload)).toEqual([]);
    await note(upload, true);
    await note(upload, false);
    expect(await use(upload)).toEqual([upload.sha256]);
  });

  test('takes what was not used for so long, to one replica, until it is forgotten', async () => {
    const upload = await uploaded();
    expect(await take(upload, { unusedMs: 3_600_000 })).toBe(false);
    const replicas = await Promise.all([take(upload), take(upload)]);
    expect(replicas.toSorted()).toEqual([false, true]);
    expect(await take(upload)).toBe(false);
    expect(await take(upload, { retryMs: 0 })).toBe(true);
    await store().forgetUploads([upload]);
    await store().forgetUploads([]);
    expect(await take(upload, { retryMs: 0 })).toBe(false);
    expect(await note(upload, false)).toBe(true);
  });

  test('neither finds nor takes again what is being removed', async () => {
    const upload = await uploaded();
    expect(await take(upload)).toBe(true);
    expect(await use(upload)).toEqual([]);
    expect(await note(upload, true)).toBe(false);
  });

  test('forgets nothing that was not taken', async () => {
    const upload = await uploaded();
    await store().forgetUploads([upload]);
    expect(await use(upload)).toEqual([upload.sha256]);
  });

  test.each(['initImage', 'mask'] as const)(
    'keeps what a generation names as %s until that is hidden',
    async (field) => {
      const { created } = actors(store());
      const upload = await uploaded();
      const { tenant, sha256 } = upload;
      const { request } = await created();
      const naming = { ...request, [field]: `sha256:${sha256}` } as const;
      const id = randomUUID();
      await store().create({ id, tenant, request: naming });
      // Another's does not count.
      await store().create({ id: randomUUID(), tenant: 'somebody', request: naming });
      expect(await take(upload)).toBe(false);
      await store().requestCancel(tenant, id);
      expect(await take(upload)).toBe(false);
      await store().hide(tenant, id);
      expect(await take(upload)).toBe(true);
    },
  );
}
