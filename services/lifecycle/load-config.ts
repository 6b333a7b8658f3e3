import { DarkroomError } from '@darkroom/contract';
import type { z } from 'zod';

/** The schemas of a process's variables by name, with an example of each in its `.meta()`. */
export type ConfigSchema = z.ZodObject;

/**
 * Reads a process's environment into a validated type. A variable set to nothing counts as unset.
 *
 * @throws DarkroomError (`configuration`) whose message names every variable that is missing or
 *   wrong, what is wrong with it and an example; values are never repeated, they may be secrets
 */
export function loadConfig<Schema extends ConfigSchema>(
  schema: Schema,
  env: Readonly<Record<string, string | undefined>>,
): z.output<Schema> {
  const names = Object.keys(schema.shape);
  const values = Object.fromEntries(
    names.flatMap((name) => (env[name]?.trim() ? [[name, env[name].trim()]] : [])),
  );
  const result = schema.safeParse(values);
  if (result.success) return result.data;

  const problems = new Map<string, string>();
  for (const issue of result.error.issues) {
    const name = String(issue.path[0]);
    if (problems.has(name)) continue;
    const what = values[name] === undefined && issue.code !== 'custom' ? 'missing' : issue.message;
    problems.set(name, `  ${name}: ${what}${describe(schema.shape[name])}`);
  }
  const count = `${problems.size} environment variable${problems.size === 1 ? ' is' : 's are'}`;
  throw new DarkroomError(
    'configuration',
    [`${count} missing or wrong:`, ...problems.values(), 'Set them and start again.'].join('\n'),
  );
}

function describe(schema: unknown): string {
  const { description, examples } = metaOf(schema as z.ZodType);
  const example = Array.isArray(examples) ? `for example ${String(examples[0])}` : undefined;
  const parts = [description, example].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

/** Wrappers such as `.default()` and `.optional()` hide the meta of what they wrap. */
function metaOf(schema: z.ZodType): { description?: string | undefined; examples?: unknown } {
  const own = schema.meta();
  if (own !== undefined) return own;
  const inner = (schema.def as { innerType?: z.ZodType }).innerType;
  return inner === undefined ? {} : metaOf(inner);
}
