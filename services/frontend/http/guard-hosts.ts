import { DarkroomError } from '@darkroom/contract';
import type { FastifyInstance } from 'fastify';
import type { AllowedHosts } from '../access/allowed-hosts.ts';

/**
 * Refuses requests to another host than those allowed, and from pages of another. Browsers send the
 * `Origin` of a page with every call that may change something; other programs need not send one.
 */
export function guardHosts(app: FastifyInstance, isAllowed: AllowedHosts | undefined): void {
  if (isAllowed === undefined) return;
  app.addHook('onRequest', async ({ headers: { host = '', origin } }) => {
    const named = hostnameOf(`http://${host}`);
    if (!isAllowed(named)) {
      throw refusal(`this service does not answer to the host ${quoted(host)}`, named);
    }
    const page = origin === undefined ? undefined : hostnameOf(origin);
    if (page !== undefined && !isAllowed(page)) {
      throw refusal(`pages of ${quoted(origin ?? '')} may not call this service`, page);
    }
  });
}

/** In lower case, without port and brackets; empty where there is none. */
const hostnameOf = (url: string): string =>
  URL.parse(url)?.hostname.replace(/^\[|\]$|\.$/g, '') ?? '';

const quoted = (text: string): string => JSON.stringify(text.slice(0, 200));

const refusal = (what: string, name: string): DarkroomError =>
  new DarkroomError(
    'forbidden',
    `${what}. To allow it, the operator of the service adds ${name.slice(0, 200) || 'its host'} to ALLOWED_HOSTS`,
  );
