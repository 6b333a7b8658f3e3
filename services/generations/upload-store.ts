/** An upload as the record knows it. */
export type UploadName = { tenant: string; sha256: string };

/**
 * What the frontend may do with the record of uploads. An object that is being removed is neither
 * brought nor named: so none is removed that was brought again meanwhile.
 */
export type UploadStore = {
  /**
   * Notes that an upload is brought now: without `stored` before its object is put, with it after.
   * False while it is being removed: then it is to be brought again later.
   */
  noteUpload(upload: UploadName & { stored: boolean }): Promise<boolean>;
  /** Notes that a request names these now, and returns which of them are there. */
  useUploads(tenant: string, sha256s: readonly string[]): Promise<string[]>;
  /**
   * Takes uploads that were neither brought nor named for `unusedMs` and that no record which callers
   * can see names, to one replica alone, for its caller to remove the objects and `forgetUploads`.
   * Returns them again after `retryMs` unless they are forgotten.
   */
  takeUnusedUploads(options: {
    unusedMs: number;
    retryMs: number;
    /** Uploads at most. */
    limit: number;
  }): Promise<UploadName[]>;
  /** Removes uploads that were taken. */
  forgetUploads(uploads: readonly UploadName[]): Promise<void>;
};
