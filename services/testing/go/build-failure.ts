/** A program could not be built here; the message says why and what to do. */
export class BuildFailure extends Error {
  override readonly name = 'BuildFailure';
}
