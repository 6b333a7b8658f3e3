/** A bug, put into one module of the product while a process loads it. */
export type Plant = {
  name: string;
  /** What it does wrong. */
  bug: string;
  /** The module's path from the repository's root. */
  module: string;
  /** Every text must be found, once. */
  changes: readonly { from: string; to: string }[];
  /** Which faults bring it out: kinds whose names have one of these. */
  kinds: readonly string[];
};

/** @throws when the module has changed, so that the plant would no longer be one */
export function withPlant(source: string, { name, module, changes }: Plant): string {
  return changes.reduce((text, { from, to }) => {
    const found = text.split(from).length - 1;
    if (found === 1) return text.replace(from, () => to);
    throw new Error(
      `the plant ${name} looks for a text once in ${module} and finds it ${found} times: ` +
        `${JSON.stringify(from)}. The module has changed; change the plant with it.`,
    );
  }, source);
}
