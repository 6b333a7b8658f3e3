import { ModelError } from '../model-error.ts';

/** In pixels. */
export type Size = { width: number; height: number };

/** What sizes of pictures a model makes, in pixels. */
export type PictureSizes = {
  /** Every side is a multiple of this. */
  multipleOf: number;
  /** Sides that the exporter fixed; undefined: any. */
  fixed: { width: number | undefined; height: number | undefined };
};

/** @throws ModelError naming the nearest sizes that the model makes */
export function checkPictureSize({ multipleOf, fixed }: PictureSizes, size: Size): void {
  const problems: string[] = [];
  const remedies: string[] = [];
  for (const side of ['width', 'height'] as const) {
    const value = size[side];
    const only = fixed[side];
    if (only === undefined ? value > 0 && value % multipleOf === 0 : value === only) continue;
    problems.push(`${side} is ${value}`);
    const below = Math.floor(value / multipleOf) * multipleOf;
    const nearest = below >= multipleOf ? [below, below + multipleOf] : [multipleOf];
    if (only !== undefined) remedies.push(`a ${side} of ${only}, the only one it was exported for`);
    else if (Number.isFinite(value)) remedies.push(`a ${side} of ${nearest.join(' or ')}`);
    else remedies.push(`a ${side} in whole pixels`);
  }
  if (problems.length === 0) return;
  throw new ModelError(
    'The picture cannot be made at this size',
    `${problems.join(' and ')}, and the model makes multiples of ${multipleOf}`,
    `Ask for ${remedies.join(' and ')}`,
  );
}
