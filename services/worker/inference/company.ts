/** Who was in the engine together when a child ended, so that nobody is blamed for another. */
export type Company<Child extends WeakKey> = {
  /** The child has ended, or is about to; tell it before its pictures are counted out. */
  ended(child: Child): void;
  /** Whether it had several pictures in hand then. */
  had(child: Child): boolean;
};

/** @param pictures how many are in hand at this moment */
export function createCompany<Child extends WeakKey>(pictures: () => number): Company<Child> {
  const atEnd = new WeakMap<Child, number>();
  return {
    ended: (child) => {
      if (!atEnd.has(child)) atEnd.set(child, pictures());
    },
    had: (child) => (atEnd.get(child) ?? 0) > 1,
  };
}
