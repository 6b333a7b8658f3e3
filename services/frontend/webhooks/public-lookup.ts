import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isPublic } from './target.ts';

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<LookupAddress[]>;

const resolver = new Resolver({ timeout: 2_000, tries: 2 });

/**
 * Asks the name servers themselves. `dns.lookup` would hold one of the process's few threads for as
 * long as a stranger's name server takes, and files are read on the same.
 */
const askNameServers: Resolve = async (name) => {
  const found = await Promise.allSettled([
    resolver.resolve4(name).then((all) => all.map((address) => ({ address, family: 4 }))),
    resolver.resolve6(name).then((all) => all.map((address) => ({ address, family: 6 }))),
  ]);
  return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
};

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
  (resolve: Resolve = askNameServers): LookupFunction =>
  (name, options, done) => {
    const answer = (addresses: LookupAddress[]): void => {
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => isPublic(address))) {
        done(new NotPublicError(), '');
      } else if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    };
    resolve(name).then(answer, () => answer([]));
  };
