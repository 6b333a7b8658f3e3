import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { clipVocabulary } from '@darkroom/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelFolder } from '../model-folder/model-folder.ts';
import { fixturePath } from '../test/fixtures.ts';
import { type ClipTokenizer, loadClipTokenizer } from './clip-tokenizer.ts';

/** Written by make_clip_tokens.py. */
const unzip = (name: string) => gunzipSync(readFileSync(fixturePath(`clip/${name}`))).toString();

type Files = { 'tokenizer.json'?: { model: object } } & Record<string, object>;
const folders: Record<string, Files> = JSON.parse(unzip('tokenizers.json.gz'));
const cases: { text: string; ids: Record<string, number[]> }[] = unzip('tokens.jsonl.gz')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

const tokenizers = new Map<string, ClipTokenizer>();
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'clip-'));
  const merges = unzip('merges.txt.gz');
  const pairs = merges.trimEnd().split('\n').slice(1);
  const vocab = clipVocabulary(merges);
  for (const [name, files] of Object.entries(folders)) {
    const part = await mkdtemp(join(root, `${name}-`));
    const { 'tokenizer.json': fast, ...others } = files;
    for (const [file, content] of Object.entries(others)) {
      await writeFile(join(part, file), JSON.stringify(content));
    }
    if (fast === undefined) {
      await writeFile(join(part, 'merges.txt'), merges);
      await writeFile(join(part, 'vocab.json'), JSON.stringify(vocab));
    } else {
      const model = { ...fast.model, vocab, merges: pairs.map((pair) => pair.split(' ')) };
      await writeFile(join(part, 'tokenizer.json'), JSON.stringify({ ...fast, model }));
    }
    tokenizers.set(name, await loadClipTokenizer(modelFolder(part), 77, '.'));
  }
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

it('has 2,000 texts', () => {
  expect(cases.length).toBeGreaterThanOrEqual(2000);
});

it.each(Object.keys(folders))('gives the ids of transformers for all of them, as %s', (name) => {
  const { encode } = tokenizers.get(name)!;
  const wrong = cases.filter(({ text, ids }) => `${encode(text)}` !== `${ids[name]}`);
  expect(wrong.map(({ text, ids }) => ({ text, ids: encode(text), expected: ids[name] }))).toEqual(
    [],
  );
});

it('gives the ids that CLIP was trained with', () => {
  const [start, end] = [49406, 49407];
  const { encode } = tokenizers.get('sd1')!;
  const words = [589, 533, 320, 1628, 9696, 539, 4160];
  expect(encode('this is a test string of text')).toEqual([
    ...[start, ...words, end],
    ...new Array(68).fill(end),
  ]);
});

/** Of a folder whose padding is "!", transformers takes each "!" of a text for the padding, too. */
it.each([
  ['sd1', [256, 748, 995], 49407],
  ['sd2', [0, 0, 0, 0, 0, 0], 0],
  ['xl', [0, 0, 0, 0, 0, 0], 0],
])('reads and pads "! !! !!!" as %s', (name, words, padding) => {
  const ids = [49406, ...words, 49407];
  expect(tokenizers.get(name)!.encode('! !! !!!')).toEqual([
    ...ids,
    ...new Array(77 - ids.length).fill(padding),
  ]);
});
