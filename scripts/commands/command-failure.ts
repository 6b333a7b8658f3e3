/**
 * What was asked for did not come about; the message says why and what to do. In a file of its own, so that a
 * program that runs in a cluster needs nothing else of the command line.
 */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}
