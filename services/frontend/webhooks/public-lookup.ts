import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublic } from './target.ts';

/** All addresses of a name, as `dns.lookup` finds them. */
export type Resolve = (
  name: string,
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

const throughSystem: Resolve = (name, done) => systemLookup(name, { all: true }, done);

/** One error for a name that there is not and for one that is not told: it shows no inner names. */
export class NotPublicError extends Error {
  override readonly message = 'its name does not resolve to a public address';
}

/**
 * Resolves the name of a connection about to be made, and refuses it unless all its addresses are
 * public. The socket connects to these very addresses, so that a name that changes between a check
 * and the connection (DNS rebinding) gains nothing.
 */
export const publicLookup =
  (resolve: Resolve = throughSystem): LookupFunction =>
  (name, options, done) => {
    resolve(name, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || first === undefined || !addresses.every(({ address }) => isPublic(address))) {
        done(new NotPublicError(), '');
      } else if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
