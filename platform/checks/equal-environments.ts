import { type Manifest, nameOf } from '../../scripts/render/manifest.ts';
import { boundFields, boundObjects } from '../bound-fields.ts';
import { fieldsOf } from './fields.ts';
import type { Finding } from './finding.ts';

/** The checksum that kustomize puts at the end of a generated name. */
const checksum = /-[a-z0-9]{10}$/;
const generated = ['ConfigMap', 'Secret'];

/**
 * Where two environments differ outside the fields that an environment may bind. None: what was tested
 * in the one is what runs in the other.
 *
 * @param one an environment's name and objects
 * @param other another's
 */
export function differencesOf(
  one: { name: string; objects: readonly Manifest[] },
  other: { name: string; objects: readonly Manifest[] },
): Finding[] {
  const left = byName(one.objects);
  const right = byName(other.objects);
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return names.flatMap((object): Finding[] => {
    const mine = left.get(object);
    const theirs = right.get(object);
    if (mine === undefined || theirs === undefined) {
      if (boundObjects.some(({ objects }) => fits(objects, object))) return [];
      return [
        {
          object,
          field: 'metadata.name',
          problem: `only ${(mine === undefined ? other : one).name} has it`,
          remedy: 'move it to apps/ or infrastructure/, or name it in platform/bound-fields.ts',
        },
      ];
    }
    const bound = boundFields.filter(({ objects }) => fits(objects, object));
    const fields = [...new Set([...mine.keys(), ...theirs.keys()])];
    return fields
      .filter((field) => mine.get(field) !== theirs.get(field))
      .filter((field) => !bound.some((may) => mayDiffer(may, field, mine, theirs)))
      .map((field) => ({
        object,
        field,
        problem: `${one.name} says ${said(mine.get(field))}, ${other.name} ${said(theirs.get(field))}`,
        remedy: 'say the same in both, or name the field in platform/bound-fields.ts',
      }));
  });
}

/** By their names without checksums, each with its values by field. */
function byName(objects: readonly Manifest[]): Map<string, Map<string, unknown>> {
  return new Map(
    objects.map((object) => {
      const plain = {
        ...object,
        metadata: {
          ...object.metadata,
          name: generated.includes(object.kind)
            ? object.metadata.name.replace(checksum, '')
            : object.metadata.name,
        },
      };
      return [
        nameOf(plain),
        new Map(fieldsOf(plain).map(({ field, value }) => [field, value])),
      ] as const;
    }),
  );
}

/** Whether a field is one that may differ, and does so only where it may. */
function mayDiffer(
  { fields, same }: (typeof boundFields)[number],
  field: string,
  mine: Map<string, unknown>,
  theirs: Map<string, unknown>,
): boolean {
  if (!fields.some((each) => fitsField(each, field))) return false;
  const [one, other] = [same?.(mine.get(field)), same?.(theirs.get(field))];
  return one === undefined || other === undefined || one === other;
}

const said = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

const escaped = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

/** Whether an object's name is one of a pattern's, separated by `|`. */
const fits = (patterns: string, name: string): boolean =>
  patterns
    .split('|')
    .some((pattern) => new RegExp(`^${escaped(pattern).replaceAll('*', '.*')}$`).test(name));

/** In fields `*` stops at the end of a list's item; at the end of a pattern it is all that follows. */
function fitsField(pattern: string, field: string): boolean {
  const [all, rest] = pattern.endsWith('*') ? [pattern.slice(0, -1), '.*'] : [pattern, ''];
  return new RegExp(`^${escaped(all).replaceAll('*', '[^\\]]*')}${rest}$`).test(field);
}
