import { randomUUID } from 'node:crypto';
import { schedulerName } from '@darkroom/contract';
import type { Random } from '@darkroom/testing';

/** What a caller may know: the ids of its own generations, those of others, and cursors. */
export type Known = {
  own: readonly string[];
  others: readonly string[];
  cursors: readonly string[];
};

const prompts = [
  'a red circle',
  "l'été 🌟",
  'x'.repeat(1_000),
  '  spaced  ',
  '<script>alert(1)</script>',
  "Robert'); DROP TABLE generations;--",
];

/** A PNG of 1×1, as base64. */
const ONE_PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';

type Maker = (random: Random, known: Known) => unknown;

const maybe = (random: Random, fields: Record<string, () => unknown>): object =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, make]) => (random.next() < 0.3 ? [[name, make()]] : [])),
  );

const anId: Maker = (random, { own, others }) => {
  const roll = random.next();
  if (roll < 0.6 && own.length > 0) return { id: random.pick(own) };
  if (roll < 0.8 && others.length > 0) return { id: random.pick(others) };
  return { id: randomUUID() };
};

const makers: Readonly<Record<string, Maker>> = {
  'generations.create': (random) => ({
    prompt: random.pick(prompts),
    ...maybe(random, {
      model: () => 'pinhole',
      negativePrompt: () => random.pick(['', ...prompts]),
      longPrompt: () => random.pick(['truncate', 'chunks']),
      seed: () => random.pick([0, 7, -1, 2 ** 32 - 9, '18446744073709551615']),
      steps: () => random.pick([1, 20, 150]),
      guidanceScale: () => random.pick([0, 1, 4.5]),
      scheduler: () => random.pick(schedulerName.options),
      width: () => 64,
      height: () => 64,
      previews: () => random.pick([true, false]),
      count: () => random.pick([1, 2]),
      idempotencyKey: () => `k${Math.floor(random.next() * 5_000)}`,
      deadline: () => random.pick(['2100-01-01T00:00:00Z', '2101-01-01T00:00:00.123+05:30']),
      webhook: () => ({ url: 'https://example.com/hook' }),
    }),
    // All three or none: a mask without a picture is refused.
    ...(random.next() < 0.2 && { initImage: ONE_PIXEL, mask: ONE_PIXEL, strength: 1 }),
  }),
  'generations.list': (random, { cursors }) => ({
    ...maybe(random, {
      state: () => random.pick(['queued', 'running', 'succeeded', 'failed', 'canceled']),
      ...(cursors.length > 0 && { cursor: () => random.pick(cursors) }),
    }),
    limit: random.pick([1, 2, 5]),
  }),
  'generations.watch': (random, known) => ({
    ...(anId(random, known) as object),
    ...maybe(random, { lastEventId: () => random.pick(['1.0', '2.5', '']) }),
  }),
  'models.list': () => undefined,
  'system.status': () => undefined,
};

/** An input that passes validation; a procedure of unknown shape gets an id. */
export const validInput = (procedure: string, random: Random, known: Known): unknown =>
  (makers[procedure] ?? anId)(random, known);
