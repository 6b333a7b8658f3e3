import { CommandFailure } from '../commands/failure.ts';

/** Why a release must not be promoted. */
export type Refusal = {
  /** Which check found it. */
  check: string;
  /** As `Deployment darkroom/frontend`, where it is about one. */
  object?: string;
  field?: string;
  problem: string;
  remedy: string;
};

const tell = ({ check, object, field, problem, remedy }: Refusal): string =>
  `${check}: ${[object, field].filter((part) => part !== undefined).join(': ')}${
    object === undefined && field === undefined ? '' : ' '
  }${problem}; ${remedy}`;

/** @throws CommandFailure with all of them, where there is any */
export function refuse(what: string, refusals: readonly Refusal[]): void {
  if (refusals.length === 0) return;
  throw new CommandFailure(
    `${what}, and nothing was changed:\n  ${refusals.map(tell).join('\n  ')}`,
  );
}
