import { fieldsOf } from '../../platform/checks/fields.ts';
import { type Manifest, nameOf } from '../render/manifest.ts';
import type { Live, LiveObject } from './live.ts';

/** Where an object is another than it should be. */
export type Difference = {
  /** As `Deployment darkroom/frontend`. */
  object: string;
  /** As `spec.template.spec.containers[frontend].image`. */
  field: string;
  /** Undefined: it has none. */
  was: unknown;
  is: unknown;
};

/** What differs in one object. */
export function fieldDifferences(was: Manifest, is: Manifest): Difference[] {
  const before = new Map(fieldsOf(was).map(({ field, value }) => [field, value]));
  const after = new Map(fieldsOf(is).map(({ field, value }) => [field, value]));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => ({
      object: nameOf(is),
      field,
      was: before.get(field),
      is: after.get(field),
    }));
}

/**
 * Where a cluster holds something else than what was applied: changed, missing and additional objects.
 *
 * @param applied what the cluster held when the release had been verified
 */
export function driftOf(applied: readonly Manifest[], live: Live): Difference[] {
  const changed = applied.flatMap((object) => {
    const now = live.objects.get(nameOf(object));
    return now === undefined
      ? [
          {
            object: nameOf(object),
            field: 'metadata.name',
            was: object.metadata.name,
            is: undefined,
          },
        ]
      : fieldDifferences(object, now);
  });
  return [...changed, ...live.extra.map(added)];
}

const added = (object: LiveObject): Difference => ({
  object: nameOf(object),
  field: 'metadata.name',
  was: undefined,
  is: object.metadata.name,
});

const said = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value));

export const tellDifference = ({ object, field, was, is }: Difference): string =>
  `${object}: ${field} was ${said(was)}, is ${said(is)}`;
