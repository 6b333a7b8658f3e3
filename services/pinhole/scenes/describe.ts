import type { Scene, SceneObject } from './grammar.ts';
import { pick, pickFavouringFirst, type Random } from './random.ts';
import type { Colour, Relation } from './words.ts';
import { COLOUR_WORDS, PLACE_PHRASES, RELATION_PHRASES, SHAPE_WORDS, SIZE_WORDS } from './words.ts';

/** One of many English prompts for the scene, saying exactly what `scene.named` promises. */
export function describe(scene: Scene, random: Random): string {
  const body = scene.objects.length === 1 ? single(scene, random) : pair(scene, random);
  const groundFirst = /^(on|\w+ background)/.test(body);
  const leads = ['', '', '', 'a picture of ', 'a drawing of ', 'an image of '];
  const lead = groundFirst ? '' : pick(random, leads);
  return `${lead}${body}${random() < 0.15 ? '.' : ''}`;
}

function single(scene: Scene, random: Random): string {
  const [object] = scene.objects;
  const parts = [noun(object, scene.named.sizes[0] ?? true, random)];
  if (scene.named.place && scene.place !== undefined) {
    parts.push(pickFavouringFirst(random, PLACE_PHRASES[scene.place]));
  }
  return withGround(parts, scene, random);
}

function pair(scene: Scene, random: Random): string {
  const [first, second] = scene.objects;
  if (second === undefined || scene.relation === undefined) throw new Error('not a pair');
  const a = noun(first, scene.named.sizes[0] ?? true, random);
  const b = noun(second, scene.named.sizes[1] ?? true, random);
  // The same picture can be told from either object.
  const turned = random() < 0.5;
  const [subject, other] = turned ? [b, a] : [a, b];
  if (!scene.named.place) return withGround([`${subject} and ${other}`], scene, random);
  const relation = turned ? OPPOSITE[scene.relation] : scene.relation;
  const phrase = pickFavouringFirst(random, RELATION_PHRASES[relation]);
  const [here, there] = SIDES[relation];
  const text = pickFavouringFirst(random, [
    `${subject} ${phrase} ${other}`,
    `${subject} is ${phrase} ${other}`,
    `${subject} ${here} and ${other} ${there}`,
    `${subject} ${here}, ${other} ${there}`,
  ]);
  return withGround([text], scene, random);
}

const OPPOSITE: Record<Relation, Relation> = {
  'left of': 'right of',
  'right of': 'left of',
  above: 'below',
  below: 'above',
};

const SIDES: Record<Relation, readonly [here: string, there: string]> = {
  'left of': ['on the left', 'on the right'],
  'right of': ['on the right', 'on the left'],
  above: ['at the top', 'at the bottom'],
  below: ['at the bottom', 'at the top'],
};

function noun(object: SceneObject, sizeNamed: boolean, random: Random): string {
  const colour = colourWord(object.colour, random);
  const shape = pickFavouringFirst(random, SHAPE_WORDS[object.shape] ?? [object.shape]);
  const size = sizeNamed ? pickFavouringFirst(random, SIZE_WORDS[object.size]) : '';
  const style = random();
  if (style < 0.06) return `${article(shape)}, ${size === '' ? '' : `${size} and `}${colour}`;
  const words = [size, colour, shape].filter((word) => word !== '').join(' ');
  if (style < 0.2) return words;
  return style < 0.25 ? `one ${words}` : article(words);
}

function withGround(parts: readonly string[], scene: Scene, random: Random): string {
  const text = parts.join(random() < 0.1 ? ', ' : ' ');
  if (!scene.named.ground) return text;
  const colour = colourWord(scene.ground, random);
  const plain = article(colour);
  const style = random();
  if (style < 0.08) return `on ${plain} background, ${text}`;
  if (style < 0.12) return `${colour} background, ${text}`;
  if (style < 0.18) return `${text}, ${colour} background`;
  const ground = pickFavouringFirst(random, [
    `on ${plain} background`,
    `on ${colour}`,
    `on ${plain} ground`,
    `against ${plain} background`,
    `with ${plain} background`,
  ]);
  const [head, place] = parts;
  // "a red star on blue at the top" as well as "a red star at the top on blue".
  if (place !== undefined && style > 0.85) return `${head} ${ground} ${place}`;
  return `${text}${random() < 0.15 ? ',' : ''} ${ground}`;
}

function colourWord(colour: Colour, random: Random): string {
  return pickFavouringFirst(random, COLOUR_WORDS[colour] ?? [colour]);
}

const article = (words: string): string => `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`;
