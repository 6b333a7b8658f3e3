import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { ModelError } from '../model-error.ts';
import type { ModelFolder } from '../model-folder/model-folder.ts';
import { longestBeginning } from './longest-beginning.ts';

/** The tokenizer comes as the one file, or as the other two. */
export const tokenizerFiles = (part: string) => ({
  fast: `${part}/tokenizer.json`,
  vocab: `${part}/vocab.json`,
  merges: `${part}/merges.txt`,
});

/** Text to token ids, as transformers' CLIPTokenizer with `padding='max_length', truncation=True`. */
export type ClipTokenizer = {
  /** Ids that each chunk of a text is padded or cut to. */
  readonly maxLength: number;
  /**
   * [chunks × maxLength] ids. The text is cut into chunks of maxLength − 2 tokens, and each is start,
   * tokens, end, padding; those after the text's last are the empty text.
   *
   * @param chunks what goes beyond is cut off; 1 unless given
   */
  encode(text: string, chunks?: number): number[];
  /** Chunks that the whole text takes, at least 1. */
  chunks(text: string): number;
  /** What `encode` cuts off; undefined where the whole text fits. */
  cut(text: string, chunks?: number): Cut | undefined;
};

export type Cut = {
  /** Tokens of the whole text, start and end marks not counted. */
  tokens: number;
  /** Tokens that `encode` keeps. */
  limit: number;
  /** The end of the text, from the first character that is not kept, as it was written. */
  dropped: string;
};

/** `normalized`: sought after the text is lower-cased, not before. */
const addedToken = z.object({ content: z.string(), normalized: z.boolean().default(false) });
type AddedToken = z.infer<typeof addedToken>;

const written = (content: string): AddedToken => ({ content, normalized: false });

/** A special token is written as its text or as an object that has it. */
const token = z.union([z.string().transform(written), addedToken]);

const specialTokens = z.object({
  bos_token: token.optional(),
  eos_token: token.optional(),
  unk_token: token.optional(),
  pad_token: token.nullish(),
});

const tokenizerConfig = specialTokens.extend({
  model_max_length: z.number().positive().optional(),
  added_tokens_decoder: z.record(z.string(), addedToken).optional(),
});

/** The part of tokenizer.json that is read here; the library checks the rest. */
const fastTokenizer = z.looseObject({
  model: z.looseObject({}),
  pre_tokenizer: z
    .looseObject({ pretokenizers: z.array(z.looseObject({ type: z.string() })).optional() })
    .nullish(),
});
type Definition = z.infer<typeof fastTokenizer>;

/**
 * @param maxPositions positions that the text encoder has, for tokenizers that do not say
 * @param part the tokenizer's folder within the model
 * @throws ModelError where a file is missing or damaged
 */
export async function loadClipTokenizer(
  folder: ModelFolder,
  maxPositions: number,
  part = 'tokenizer',
): Promise<ClipTokenizer> {
  const config = await folder.readJson(`${part}/tokenizer_config.json`, tokenizerConfig);
  const legacy = (await folder.has(`${part}/special_tokens_map.json`))
    ? await folder.readJson(`${part}/special_tokens_map.json`, specialTokens)
    : {};
  // As transformers: the map counts only in folders older than added_tokens_decoder.
  const special = config.added_tokens_decoder === undefined ? { ...config, ...legacy } : config;
  const bos = special.bos_token ?? written('<|startoftext|>');
  const eos = special.eos_token ?? written('<|endoftext|>');
  const unk = special.unk_token ?? written(eos.content);
  const pad = special.pad_token ?? written(eos.content);

  const files = tokenizerFiles(part);
  const isFast = await folder.has(files.fast);
  const definition = isFast
    ? await folder.readJson(files.fast, fastTokenizer)
    : await clipDefinition(folder, files, unk.content, addedTokens([bos, eos, unk, pad], config));
  const words = isFast ? files.fast : files.vocab;
  const tokenizer = createTokenizer(folder, words, definition);
  for (const { content } of [bos, eos]) {
    if (tokenizer.token_to_id(content) !== undefined) continue;
    throw unusable(folder, words, `it has no ${content}, which every text begins or ends with`);
  }
  const idOf = ({ content }: AddedToken) =>
    tokenizer.token_to_id(content) ?? tokenizer.token_to_id(unk.content) ?? 0;
  const [bosId, eosId, padId] = [idOf(bos), idOf(eos), idOf(pad)];
  // Tokenizers without a limit carry a number like 1e30.
  const maxLength = Math.min(config.model_max_length ?? maxPositions, maxPositions);
  if (maxLength < 3) {
    const why = `a text has ${maxLength} tokens by it and its text encoder, and two mark start and end`;
    throw unusable(folder, `${part}/tokenizer_config.json`, why);
  }

  /** Without the start and end marks. */
  const chunkSize = maxLength - 2;
  const tokenize = (text: string) =>
    tokenizer.encode(prepare(text), { add_special_tokens: false }).ids;
  const idsOf = remembering(tokenize);

  return {
    maxLength,
    encode(text, chunks = 1) {
      const ids = idsOf(text);
      return Array.from({ length: chunks }, (_, i) => {
        const kept = [bosId, ...ids.slice(i * chunkSize, (i + 1) * chunkSize), eosId];
        return [...kept, ...new Array<number>(maxLength - kept.length).fill(padId)];
      }).flat();
    },
    chunks: (text) => Math.max(1, Math.ceil(idsOf(text).length / chunkSize)),
    cut(text, chunks = 1) {
      const limit = chunks * chunkSize;
      const tokens = idsOf(text).length;
      if (tokens <= limit) return undefined;
      const kept = longestBeginning(text, (beginning) => tokenize(beginning).length <= limit);
      return { tokens, limit, dropped: text.slice(kept.length).trimStart() };
    },
  };
}

/** A picture asks for each of its texts twice, and the pictures of a request have the same. */
const TEXTS_REMEMBERED = 16;

function remembering(tokenize: (text: string) => readonly number[]): typeof tokenize {
  const known = new Map<string, readonly number[]>();
  return (text) => {
    const ids = known.get(text) ?? tokenize(text);
    known.set(text, ids);
    const [oldest] = known.keys();
    if (known.size > TEXTS_REMEMBERED && oldest !== undefined) known.delete(oldest);
    return ids;
  };
}

function createTokenizer(folder: ModelFolder, file: string, definition: Definition): Tokenizer {
  try {
    return new Tokenizer(splitAsUnicode(definition), { clean_up_tokenization_spaces: false });
  } catch (cause) {
    throw unusable(folder, file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

const unusable = (folder: ModelFolder, file: string, why: string, cause?: unknown) =>
  new ModelError(
    `The model file ${join(folder.path, file)} cannot be used`,
    why,
    'Write the model folder again in whole',
    { cause },
  );

/** As transformers: what is declared counts; of others with the same text, the last. */
function addedTokens(
  special: readonly AddedToken[],
  { added_tokens_decoder = {} }: z.infer<typeof tokenizerConfig>,
): AddedToken[] {
  const tokens = [...special, ...Object.values(added_tokens_decoder)];
  return [...new Map(tokens.map((added) => [added.content, added])).values()];
}

/** The words that ByteLevel splits a text into, as GPT-2 does. */
const BYTE_LEVEL_WORDS =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * A third difference: where ByteLevel splits, the library's pattern takes U+FEFF for a space, as JavaScript
 * does and Unicode does not. It reads the patterns of a definition rightly, so here is one.
 */
function splitAsUnicode(definition: Definition): Definition {
  const { pre_tokenizer } = definition;
  const pretokenizers = pre_tokenizer?.pretokenizers?.flatMap((step) =>
    step.type === 'ByteLevel' && step['use_regex'] !== false && step['add_prefix_space'] === false
      ? [
          {
            type: 'Split',
            pattern: { Regex: BYTE_LEVEL_WORDS },
            behavior: 'Isolated',
            invert: false,
          },
          { ...step, use_regex: false },
        ]
      : [step],
  );
  return {
    ...definition,
    pre_tokenizer: pretokenizers ? { ...pre_tokenizer, pretokenizers } : pre_tokenizer,
  };
}

/**
 * Two differences between the library and transformers, where the text is all that is needed to
 * fix them. Σ at the end of a word: JavaScript lower-cases it to ς, transformers always to σ. A
 * text that is nothing but a special token in capitals: the library takes it for that token after
 * lower-casing; the space keeps them apart and means nothing to CLIP.
 */
const prepare = (text: string) => ` ${text.replaceAll('Σ', 'σ')}`;

/** The tokenizer.json that transformers builds for CLIP from vocab.json and merges.txt. */
async function clipDefinition(
  folder: ModelFolder,
  files: ReturnType<typeof tokenizerFiles>,
  unk: string,
  added: readonly AddedToken[],
): Promise<Definition> {
  const vocab = await folder.readJson(files.vocab, z.record(z.string(), z.int()));
  const merges = (await folder.readText(files.merges))
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#version'))
    .map((line) => line.split(' '));
  const odd = merges.find((pair) => pair.length !== 2);
  if (odd !== undefined) {
    throw unusable(folder, files.merges, `its line "${odd.join(' ').slice(0, 80)}" is not a pair`);
  }
  const words =
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
  return {
    added_tokens: added.flatMap(({ content, normalized }) => {
      const id = vocab[content];
      const flags = { single_word: false, lstrip: false, rstrip: false, special: true };
      return id === undefined ? [] : { id, content, normalized, ...flags };
    }),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      unk_token: unk,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}
