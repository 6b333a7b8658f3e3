import { randomBytes } from 'node:crypto';
import type { Scope } from '@darkroom/contract';
import { UsageError } from './failure.ts';
import type { Context } from './run-command.ts';

type CreateOptions = {
  tenant: string;
  scopes: readonly Scope[];
  id?: string | undefined;
  notAfter?: string | undefined;
  json: boolean;
};

/** Makes a key and the entry of the keys file that knows it; keeps neither. */
export async function create(options: CreateOptions, { print, note }: Context): Promise<void> {
  const { keyEntry, newKey } = await import('@darkroom/frontend');
  const { key, entry } = newKey({
    id: options.id ?? `${options.tenant}-${randomBytes(3).toString('hex')}`,
    tenant: options.tenant,
    scopes: [...options.scopes],
    ...(options.notAfter !== undefined && { notAfter: options.notAfter }),
  });
  const checked = keyEntry.safeParse(entry);
  if (!checked.success) {
    const problems = checked.error.issues.map(
      ({ path, message }) => `${path.join('.')} ${message}`,
    );
    throw new UsageError(problems.join('; '));
  }
  if (options.json) return print(JSON.stringify({ key, entry }, null, 2));
  note('The key, shown this once:');
  print(key);
  note('Its entry, for the list `keys` of API_KEYS_FILE, which holds no key itself:');
  print(JSON.stringify(entry));
}
