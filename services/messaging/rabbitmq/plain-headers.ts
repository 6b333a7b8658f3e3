/** Headers at most, and characters of one: what amqplib writes is bounded, and a reason is added. */
const MAX_HEADERS = 30;
const MAX_LENGTH = 1_000;

/**
 * A stranger's headers in a form that can be sent on: texts and whole numbers as they are, all else
 * as JSON. amqplib reads values that it cannot write, a double of -1e308 for one, and a message that
 * cannot be kept aside with a reason is kept without.
 */
export function plainHeaders(headers: object | undefined): Record<string, string | number> {
  const kept = Object.entries(headers ?? {}).slice(0, MAX_HEADERS);
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      Number.isSafeInteger(value) ? value : textOf(value).slice(0, MAX_LENGTH),
    ]),
  );
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
