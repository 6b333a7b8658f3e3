import { type Manifest, nameOf } from '../../scripts/render/manifest.ts';

/** Something that would go wrong, told before anything is applied. */
export type Finding = {
  /** Such as `Deployment darkroom/frontend`. */
  object: string;
  /** Where in it, such as `spec.template.spec.containers[frontend].image`. */
  field: string;
  problem: string;
  remedy: string;
};

export const finding = (
  object: Manifest,
  field: string,
  problem: string,
  remedy: string,
): Finding => ({ object: nameOf(object), field, problem, remedy });

/** On one line, for people. */
export const tell = ({ object, field, problem, remedy }: Finding): string =>
  `${object}, ${field}: ${problem}; ${remedy}`;
