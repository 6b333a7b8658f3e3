import { appendFileSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const seen = z.object({
  id: z.string(),
  state: z.string(),
  finishedAt: z.string().nullable(),
  /** Of its pictures, in order. */
  sha256: z.array(z.string()),
});

/**
 * What the load client was told, and nothing else. `n` numbers its requests, `at` is in
 * milliseconds since 1970.
 */
const entry = z.discriminatedUnion('type', [
  z.object({ type: z.literal('sent'), n: z.int(), at: z.number() }),
  z.object({
    type: z.literal('accepted'),
    n: z.int(),
    at: z.number(),
    id: z.string(),
    createdAt: z.string(),
  }),
  z.object({ type: z.literal('refused'), n: z.int(), at: z.number(), status: z.int() }),
  /** Asked again after that. */
  z.object({ type: z.literal('failed'), n: z.int(), at: z.number(), status: z.literal(500) }),
  /** The first time that it was seen at an end. */
  z.object({ type: z.literal('seen'), at: z.number(), generation: seen }),
]);

export type LedgerEntry = z.infer<typeof entry>;
export type Seen = z.infer<typeof seen>;

export const appendToLedger = (file: string, line: LedgerEntry): void =>
  appendFileSync(file, `${JSON.stringify(line)}\n`);

/** A last line that was broken off by the client's end is left out. */
export function readLedger(file: string): LedgerEntry[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.pop();
  return lines.map((line) => entry.parse(JSON.parse(line)));
}
