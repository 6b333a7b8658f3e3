import { describe, expect, it } from 'vitest';
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

it('cuts to the positions that the text encoder has', async () => {
  const folder = modelFolder(fixturePath('tokenizers/plain'));
  const tokenizer = await loadClipTokenizer(folder, 8);
  const [start, ...rest] = tokenizer.encode('a red star on a blue background');
  expect(tokenizer.maxLength).toBe(8);
  expect(rest).toHaveLength(7);
  expect([start, rest.at(-1)]).toEqual([538, 539]);
});
