/** Who was in the engine together when a child ended, so that nobody is blamed for another. */
export type Company<Child extends WeakKey> = {
  /** Counts a picture in until the task has settled. */
  with<T>(task: () => Promise<T>): Promise<T>;
  /** The child has ended, or is about to; tell it before the pictures' tasks settle. */
  ended(child: Child): void;
  /** Whether it had several pictures in hand then. */
  had(child: Child): boolean;
};

export function createCompany<Child extends WeakKey>(): Company<Child> {
  let pictures = 0;
  const atEnd = new WeakMap<Child, number>();
  return {
    with: async (task) => {
      pictures += 1;
      try {
        return await task();
      } finally {
        pictures -= 1;
      }
    },
    ended: (child) => {
      if (!atEnd.has(child)) atEnd.set(child, pictures);
    },
    had: (child) => (atEnd.get(child) ?? 0) > 1,
  };
}
