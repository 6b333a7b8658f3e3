/** What was found a moment ago. */
export type FreshLook<Found> = {
  /** Not older than a second, or a little more where a look takes long. */
  read(): Promise<Found>;
  /** What is known without waiting; newer is then on its way. */
  peek(): Found | undefined;
};

const FRESH_MS = 1_000;

/** A look at very long queues takes time, and may take this share of it at most. */
const SHARE = 0.05;

/** Looks once a second at most, however many ask, and not when nobody does. */
export function createFreshLook<Found>(look: () => Promise<Found>): FreshLook<Found> {
  let known: Found | undefined;
  let knownAt = Number.NEGATIVE_INFINITY;
  let freshMs = FRESH_MS;
  let reading: Promise<Found> | undefined;

  const lookAgain = async (): Promise<Found> => {
    const began = performance.now();
    known = await look();
    knownAt = performance.now();
    freshMs = Math.max(FRESH_MS, (knownAt - began) / SHARE);
    return known;
  };
  const refresh = (): Promise<Found> => {
    reading ??= lookAgain().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const isFresh = () => performance.now() - knownAt < freshMs;

  return {
    read: async () => (isFresh() && known) || refresh(),
    peek: () => {
      if (!isFresh()) refresh().catch(() => {});
      return known;
    },
  };
}
