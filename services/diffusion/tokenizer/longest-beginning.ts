/** What no token of CLIP goes beyond: a run of letters, a digit, or a run of other signs. */
const WORD = /[\p{L}\p{M}]+|\p{N}|[^\s\p{L}\p{M}\p{N}]+/gu;

/**
 * The longest beginning of a text that `fits`: as many whole words as do, and of the next one as many
 * characters. The tokens of words add up, so the words are exact. A part of a word can have more
 * tokens than the whole, so the characters are near the cut; the beginning returned always fits.
 */
export function longestBeginning(text: string, fits: (beginning: string) => boolean): string {
  const words = [...text.matchAll(WORD)];
  const endingAt = (count: number) => {
    const last = words[count - 1];
    return last === undefined ? '' : text.slice(0, last.index + last[0].length);
  };
  const whole = largest(words.length, (count) => fits(endingAt(count)));
  const next = words[whole];
  if (next === undefined) return text;
  const characters = [...next[0]];
  const amid = (count: number) => text.slice(0, next.index) + characters.slice(0, count).join('');
  const part = largest(characters.length - 1, (count) => fits(amid(count)));
  return part === 0 ? endingAt(whole) : amid(part);
}

/** The largest count from 0 to `most` that is right, where all those below one that is are, too. */
function largest(most: number, isRight: (count: number) => boolean): number {
  let [right, wrong] = [0, most + 1];
  while (wrong - right > 1) {
    const middle = Math.floor((right + wrong) / 2);
    if (isRight(middle)) right = middle;
    else wrong = middle;
  }
  return right;
}
