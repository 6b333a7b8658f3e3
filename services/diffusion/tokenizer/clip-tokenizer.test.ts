import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelFolder } from '../model-folder/model-folder.ts';
import { fixturePath, readFixture } from '../test/fixtures.ts';
import { loadClipTokenizer } from './clip-tokenizer.ts';

const { prompts, ids } = readFixture<{ prompts: string[]; ids: Record<string, number[][]> }>(
  'tokens.json',
);

describe.each(Object.entries(ids))('a %s tokenizer folder', (name, expected) => {
  it.each(prompts.map((prompt, i) => ({ prompt, title: JSON.stringify(prompt.slice(0, 40)), i })))(
    'gives the ids of transformers for $title',
    async ({ prompt, i }) => {
      const folder = modelFolder(fixturePath(`tokenizers/${name}`));
      const tokenizer = await loadClipTokenizer(folder, 77);
      expect(tokenizer.encode(prompt)).toEqual(expected[i]);
    },
  );
});

describe('a text with more tokens than the text encoder has positions', () => {
  const load = async (maxPositions: number) =>
    loadClipTokenizer(modelFolder(fixturePath('tokenizers/plain')), maxPositions);

  it('is told with what was dropped, as it was written', async () => {
    const { encode, cut } = await load(12);
    const text = 'a b c d e f g h i J, K  l';
    expect(cut(text)).toEqual({ tokens: 13, limit: 10, dropped: ', K  l' });
    // What was not dropped has the same ids, and nothing more fits.
    expect(encode('a b c d e f g h i J')).toEqual(encode(text));
    expect(cut('a b c d e f g h i J')).toBeUndefined();
  });

  it('may be cut amid a word and amid characters beyond ASCII', async () => {
    const { cut } = await load(6);
    for (const text of ['x y z incomprehensibilities', 'a b c 背景🌟🌟🌟', 'é'.repeat(50)]) {
      const { tokens = 0, limit = 0, dropped = '' } = cut(text) ?? {};
      expect(tokens).toBeGreaterThan(limit);
      expect(text.endsWith(dropped)).toBe(true);
      expect(dropped).not.toBe('');
      expect(dropped.isWellFormed()).toBe(true);
      expect(cut(text.slice(0, text.length - dropped.length))).toBeUndefined();
    }
  });

  it('is nothing to report where it just fits', async () => {
    const { cut } = await load(12);
    expect(cut('a b c d e f g h i j')).toBeUndefined();
    expect(cut('')).toBeUndefined();
  });
});

describe('a text in chunks', () => {
  const load = () => loadClipTokenizer(modelFolder(fixturePath('tokenizers/plain')), 6);

  it('has each chunk between start and end, and the empty text after its last', async () => {
    const { encode, chunks } = await load();
    const text = 'a b c d e f';
    expect(chunks(text)).toBe(2);
    expect(encode(text, 3)).toEqual([...encode('a b c d'), ...encode('e f'), ...encode('')]);
  });

  it('has as many as its tokens fill, and one where there are none', async () => {
    const { chunks } = await load();
    expect(['', 'a b c d', 'a b c d e'].map(chunks)).toEqual([1, 1, 2]);
  });

  it('is told by what is beyond the last chunk', async () => {
    const { cut } = await load();
    expect(cut('a b c d e f g h i', 2)).toEqual({ tokens: 9, limit: 8, dropped: 'i' });
    expect(cut('a b c d e f g h', 2)).toBeUndefined();
  });
});

it('cuts to the positions that the text encoder has', async () => {
  const folder = modelFolder(fixturePath('tokenizers/plain'));
  const tokenizer = await loadClipTokenizer(folder, 8);
  const [start, ...rest] = tokenizer.encode('a red star on a blue background');
  expect(tokenizer.maxLength).toBe(8);
  expect(rest).toHaveLength(7);
  expect([start, rest.at(-1)]).toEqual([538, 539]);
});

describe('a folder that cannot be used is refused by file', () => {
  let path: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    await cp(fixturePath('tokenizers/plain'), path, { recursive: true });
  });
  afterEach(() => rm(path, { recursive: true }));

  it.each([
    ['vocab.json', '{}', 'it has no <|startoftext|>, which every text begins or ends with'],
    ['vocab.json', '{"a": "b"}', 'expected number, received string'],
    ['merges.txt', '#version: 0.2\ns t\nnonsense\n', 'its line "nonsense" is not a pair'],
    ['tokenizer_config.json', '{"model_max_length": 2}', 'a text has 2 tokens by it'],
    ['tokenizer.json', '{"model": {}}', 'Tokenizer must contain'],
  ])('%s with %s', async (file, text, message) => {
    await writeFile(join(path, 'tokenizer', file), text);
    const loading = loadClipTokenizer(modelFolder(path), 77);
    await expect(loading).rejects.toThrow(`tokenizer/${file} cannot be used: `);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toHaveProperty('name', 'ModelError');
  });
});
