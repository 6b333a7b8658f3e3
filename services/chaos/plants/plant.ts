/** One text of a module, which must be found there once. */
export type Change = {
  /** The module's path from the repository's root. */
  module: string;
  from: string;
  to: string;
};

/** A bug, put into modules of the product while a process loads them. */
export type Plant = {
  name: string;
  /** What it does wrong. */
  bug: string;
  changes: readonly Change[];
  /** The sort of run that brings it out. @default the ordinary one */
  faults?: 'blips';
  /** Which faults bring it out: kinds whose names have one of these, … */
  kinds: readonly string[];
  /** … at targets whose names have one of these. */
  targets: readonly string[];
};

/** What a process says when it has loaded a module with its plant. */
export const said = (name: string, module: string): string => `planted: ${name} in ${module}`;

/**
 * The source of a module with what the plant changes in it.
 *
 * @throws when the module has changed, so that the plant would no longer be one
 */
export function withPlant(source: string, module: string, { name, changes }: Plant): string {
  return changes
    .filter((change) => change.module === module)
    .reduce((text, { from, to }) => {
      const found = text.split(from).length - 1;
      if (found === 1) return text.replace(from, () => to);
      throw new Error(
        `the plant ${name} looks for a text once in ${module} and finds it ${found} times: ` +
          `${JSON.stringify(from)}. The module has changed; change the plant with it.`,
      );
    }, source);
}
