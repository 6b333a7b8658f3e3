/**
 * The model folder, or what was asked of the model, cannot be used. Trying again would fail again.
 * The message says what happened, why, and what to do.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly what: string;
  readonly why: string;
  readonly remedy: string;

  constructor(what: string, why: string, remedy: string, options?: { cause?: unknown }) {
    super(`${what}: ${why}. ${remedy}.`, options);
    this.what = what;
    this.why = why;
    this.remedy = remedy;
  }
}
