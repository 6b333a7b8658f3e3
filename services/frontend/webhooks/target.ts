import { DarkroomError } from '@darkroom/contract';
import ipaddr from 'ipaddr.js';

/** Which receivers are sent to. */
export type TargetPolicy = {
  /** http and private addresses too, for development alone. @default false */
  allowPrivate?: boolean | undefined;
};

/** Answers to virtual machines of a cloud alone, though its address is public. */
const METADATA = new Set(['168.63.129.16']);

/**
 * Whether an address is one of the public internet: none that is private, loopback, link-local,
 * multicast or reserved (https://www.iana.org/assignments/iana-ipv4-special-registry), nor one of
 * IPv6 that stands for such an address of IPv4.
 */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const plain = ipaddr.process(address);
  return plain.range() === 'unicast' && !METADATA.has(plain.toString());
}

/**
 * A receiver's URL, as far as it tells by itself whether it is sent to. What its name resolves to is
 * looked at when it is connected to, for a name may resolve to something else by then.
 *
 * @throws DarkroomError `request`
 */
export function parseTarget(text: string, { allowPrivate = false }: TargetPolicy): URL {
  const refuse = (why: string) => new DarkroomError('request', `webhook.url: ${why}`);
  const url = URL.parse(text);
  if (url === null) throw refuse('must be a URL such as https://example.com/darkroom');
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
    throw refuse('must begin with https://');
  }
  if (url.username !== '' || url.password !== '') {
    throw refuse('must not hold a user or a password; the signature says who sends');
  }
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '');
  const isLocal = ipaddr.isValid(host) ? !isPublic(host) : /^(.*\.)?localhost$/.test(host);
  if (isLocal && !allowPrivate) throw refuse('must not name a private address');
  return url;
}
