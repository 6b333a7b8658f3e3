/**
 * `vocab.json` of CLIP's tokenizer, which follows from its merges: bytes as GPT-2 writes them, the same
 * at the end of a word, one token a merge, two marks.
 *
 * @param merges the text of `merges.txt`
 */
export function clipVocabulary(merges: string): Record<string, number> {
  const printable = (byte: number) =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad && byte < 0x100);
  const bytes = [...new Array(256).keys()].filter(printable);
  const others = new Array(256 - bytes.length).keys().map((i) => 256 + i);
  const glyphs = [...bytes, ...others].map((code) => String.fromCharCode(code));
  const pairs = merges.trimEnd().split('\n').slice(1);
  const tokens = [
    ...glyphs,
    ...glyphs.map((glyph) => `${glyph}</w>`),
    ...pairs.map((pair) => pair.replace(' ', '')),
    ...['<|startoftext|>', '<|endoftext|>'],
  ];
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}
