export type StoredObject = { bytes: Uint8Array; contentType: string };

/**
 * The object store. Keys are `/`-separated, each segment of letters, digits, `.`, `_` and `-`,
 * none of them `.` or `..`; no key is the folder of another (`a` beside `a/b`). Drivers: `fs`, `s3`.
 */
export type ObjectStore = {
  /**
   * Writes the whole object or nothing.
   * @throws DarkroomError `unavailable` when the store is out of reach or full
   */
  put(key: string, bytes: Uint8Array, contentType: string): Promise<void>;
  /**
   * The object, or undefined where there is none.
   *
   * @param options.maxBytes how much of it to read into memory: of a larger object only as many bytes
   *   come back, and one more
   */
  get(key: string, options?: { maxBytes?: number }): Promise<StoredObject | undefined>;
  /**
   * `put` for a file of this machine, of which memory need not hold the whole.
   *
   * @param options.signal breaks it off: then nothing is written
   * @throws DarkroomError as `put`; `signal.reason` when aborted
   */
  putFile(
    key: string,
    path: string,
    contentType: string,
    options?: { signal?: AbortSignal },
  ): Promise<void>;
  /**
   * The object's bytes as they come, to be read once and to the end, for what memory should not hold;
   * undefined where there is none. Reading on throws as `get`.
   */
  read(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Removes objects; those that do not exist are passed over. */
  remove(keys: readonly string[]): Promise<void>;
  /** Keys that begin with `prefix`, in order. */
  list(prefix: string): Promise<string[]>;
  /** Rejects with the remedy when the store cannot be used. */
  check(): Promise<void>;
  close(): Promise<void>;
};
