import type { Shape } from './words.ts';

/** Whether a point of the unit board (x to the right, y downwards, both -1…1) is in the shape. */
type Outline = (x: number, y: number) => boolean;

type Point = readonly [x: number, y: number];

/** Even-odd rule: a ray to the right crosses the outline an odd number of times. */
function polygon(points: readonly Point[]): Outline {
  return (x, y) => {
    let inside = false;
    let [x0, y0] = points.at(-1) ?? [0, 0];
    for (const [x1, y1] of points) {
      if (y1 > y !== y0 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) inside = !inside;
      [x0, y0] = [x1, y1];
    }
    return inside;
  };
}

const starPoints: Point[] = Array.from({ length: 10 }, (_, i) => {
  const radius = i % 2 === 0 ? 1.04 : 0.44;
  const angle = -Math.PI / 2 + (i * Math.PI) / 5;
  return [radius * Math.cos(angle), radius * Math.sin(angle) + 0.06];
});

/** The classic heart curve, scaled to the unit board. */
const heartPoints: Point[] = Array.from({ length: 40 }, (_, i) => {
  const t = (i / 40) * 2 * Math.PI;
  const x = 16 * Math.sin(t) ** 3;
  const y = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
  return [x / 16.5, -(y + 2.5) / 15];
});

const ARM = 0.34;

export const OUTLINES: Record<Shape, Outline> = {
  circle: (x, y) => x * x + y * y <= 0.92,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.84,
  triangle: polygon([
    [0, -0.95],
    [1, 0.82],
    [-1, 0.82],
  ]),
  star: polygon(starPoints),
  heart: polygon(heartPoints),
  diamond: (x, y) => Math.abs(x) / 0.82 + Math.abs(y) <= 1,
  cross: (x, y) =>
    Math.min(Math.abs(x), Math.abs(y)) <= ARM && Math.max(Math.abs(x), Math.abs(y)) <= 1,
  ring: (x, y) => x * x + y * y <= 1 && x * x + y * y >= 0.3,
};
