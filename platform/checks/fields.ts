/** One value in an object, and where it stands. */
export type Field = { field: string; value: string | number | boolean | null };

/**
 * Every value of an object that has no parts, by its path: `spec.containers[frontend].image`. Items
 * of a list go by their `name`, `key` or `secretKey` where all have one, else by their place, so
 * that one more at the front does not make all others different.
 */
export function fieldsOf(value: unknown, path = ''): Field[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [{ field: `${path}[]`, value: null }];
    const key = ['name', 'secretKey', 'key'].find((candidate) => {
      const ids = value.map((item) => (item as Record<string, unknown> | null)?.[candidate]);
      return ids.every((id) => typeof id === 'string') && new Set(ids).size === ids.length;
    });
    return value.flatMap((item, index) => {
      const id = key === undefined ? index : (item as Record<string, unknown>)[key];
      return fieldsOf(item, `${path}[${String(id)}]`);
    });
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return [{ field: `${path}{}`, value: null }];
    return entries.flatMap(([name, inner]) =>
      fieldsOf(inner, path === '' ? name : `${path}.${name}`),
    );
  }
  return [{ field: path, value: value as Field['value'] }];
}
