/** What RFC 7396 merges into an object: `null` takes a field away, lists are replaced as a whole. */
export type MergePatch = { [field: string]: unknown };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The patch that makes one object of another. Fields that neither has are left alone, whatever a server holds
 * there.
 */
export function mergePatchOf(
  from: Record<string, unknown>,
  to: Record<string, unknown>,
): MergePatch {
  const patch: MergePatch = {};
  for (const field of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [was, is] = [from[field], to[field]];
    if (is === undefined) patch[field] = null;
    else if (isObject(was) && isObject(is)) {
      const inner = mergePatchOf(was, is);
      if (Object.keys(inner).length > 0) patch[field] = inner;
    } else if (JSON.stringify(was) !== JSON.stringify(is)) patch[field] = is;
  }
  return patch;
}
