import { type Manifest, nameOf } from '../../scripts/render/manifest.ts';

type Part = Record<string, unknown>;

/**
 * A copy of the objects with one value of one of them changed, as a mistake would.
 *
 * @param name such as `Deployment darkroom/frontend`; a checksum at the end of its name is left out
 * @param field such as `spec.containers[frontend].image`: in brackets the name or the place of an
 *   item, or a key with dots in it
 * @param value undefined takes it away
 * @throws Error when there is no such object or field, so that no test passes because nothing changed
 */
export function change(
  objects: readonly Manifest[],
  name: string,
  field: string,
  value: unknown,
): Manifest[] {
  const copy = structuredClone(objects) as Manifest[];
  const object = copy.find((each) =>
    [nameOf(each), nameOf(each).replace(/-[a-z0-9]{10}$/, '')].includes(name),
  );
  if (object === undefined) throw new Error(`there is no ${name}`);
  const steps = [...field.matchAll(/\[([^\]]+)\]|[^.[\]]+/g)].map(([all, inner]) => inner ?? all);
  const last = steps.pop() ?? '';
  const parent = steps.reduce<Part>((part, step) => {
    const next = stepInto(part, step);
    if (next === undefined) throw new Error(`${name} has no ${field}: it ends before ${step}`);
    return next;
  }, object);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

const stepInto = (part: Part, step: string): Part | undefined =>
  (Array.isArray(part)
    ? (part.find((item: Part) => item['name'] === step) ?? part[Number(step)])
    : part[step]) as Part | undefined;

/** A copy without one of them. */
export function without(objects: readonly Manifest[], name: string): Manifest[] {
  const rest = objects.filter((each) => nameOf(each) !== name);
  if (rest.length === objects.length) throw new Error(`there is no ${name}`);
  return rest;
}
