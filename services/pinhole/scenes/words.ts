/** The world pinhole knows: what can be in a picture, and the words that name it. */

export type Rgb = readonly [red: number, green: number, blue: number];

export const COLOURS = {
  red: [220, 30, 40],
  orange: [250, 140, 20],
  yellow: [250, 225, 40],
  green: [40, 150, 60],
  cyan: [70, 205, 215],
  blue: [35, 70, 205],
  purple: [130, 50, 170],
  pink: [250, 150, 190],
  white: [250, 250, 250],
  black: [20, 20, 20],
} as const satisfies Record<string, Rgb>;

export type Colour = keyof typeof COLOURS;
export const colours = Object.keys(COLOURS) as Colour[];

export const shapes = [
  'circle',
  'square',
  'triangle',
  'star',
  'heart',
  'diamond',
  'cross',
  'ring',
] as const;
export type Shape = (typeof shapes)[number];

export const sizes = ['small', 'large'] as const;
export type Size = (typeof sizes)[number];

export const relations = ['left of', 'right of', 'above', 'below'] as const;
export type Relation = (typeof relations)[number];

/** Places of a single object, as columns and rows of a 3×3 board (-1, 0, 1). */
export const PLACES = {
  center: [0, 0],
  left: [-1, 0],
  right: [1, 0],
  top: [0, -1],
  bottom: [0, 1],
  'top left': [-1, -1],
  'top right': [1, -1],
  'bottom left': [-1, 1],
  'bottom right': [1, 1],
} as const satisfies Record<string, readonly [column: number, row: number]>;

export type Place = keyof typeof PLACES;
export const places = Object.keys(PLACES) as Place[];

/** Every word a caption may use; the first one is the plain one and is drawn most often. */
export const COLOUR_WORDS: Partial<Record<Colour, readonly string[]>> = {
  cyan: ['cyan', 'turquoise'],
  purple: ['purple', 'violet'],
};

export const SHAPE_WORDS: Partial<Record<Shape, readonly string[]>> = {
  circle: ['circle', 'disc'],
  cross: ['cross', 'plus'],
  diamond: ['diamond', 'rhombus'],
  ring: ['ring', 'hoop'],
};

export const SIZE_WORDS: Record<Size, readonly string[]> = {
  small: ['small', 'little', 'tiny'],
  large: ['large', 'big', 'huge'],
};

export const PLACE_PHRASES: Record<Place, readonly string[]> = {
  center: ['in the center', 'in the middle', 'in the centre', 'centered'],
  left: ['on the left', 'at the left', 'on the left side', 'to the left'],
  right: ['on the right', 'at the right', 'on the right side', 'to the right'],
  top: ['at the top', 'on top', 'near the top', 'in the upper half'],
  bottom: ['at the bottom', 'near the bottom', 'in the lower half'],
  'top left': ['in the top left corner', 'at the top left', 'in the upper left corner'],
  'top right': ['in the top right corner', 'at the top right', 'in the upper right corner'],
  'bottom left': ['in the bottom left corner', 'at the bottom left', 'in the lower left corner'],
  'bottom right': [
    'in the bottom right corner',
    'at the bottom right',
    'in the lower right corner',
  ],
};

export const RELATION_PHRASES: Record<Relation, readonly string[]> = {
  'left of': ['left of', 'to the left of'],
  'right of': ['right of', 'to the right of'],
  above: ['above', 'over'],
  below: ['below', 'under', 'beneath'],
};
