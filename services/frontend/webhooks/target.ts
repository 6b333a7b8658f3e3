import { DarkroomError } from '@darkroom/contract';
import ipaddr from 'ipaddr.js';

/** Which receivers webhooks are sent to. */
export type TargetPolicy = {
  /** Also http, private addresses and any port, for development. @default false */
  allowPrivate?: boolean | undefined;
  /** The ports that receivers may listen on. @default [443, 8443] */
  ports?: readonly number[] | undefined;
};

/** HTTPS and its usual alternative: no port that another protocol is served on. */
const DEFAULT_PORTS: readonly number[] = [443, 8443];

/** A public address that only answers the virtual machines of Azure. */
const METADATA = new Set(['168.63.129.16']);

/** RFC 4291, section 2.4: all other global unicast space is unassigned. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** RFC 6052: how networks with IPv6 alone reach IPv4. The last 32 bits are the IPv4 address. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/**
 * Whether an address belongs to the public internet: global unicast, and in none of the blocks of
 * the IANA special-purpose address registries. The IPv4 address inside an IPv4-mapped or a NAT64
 * address is judged instead. Obsolete tunnels (6to4, Teredo, IPv4-compatible addresses) are not
 * public, whatever they hold.
 * https://www.iana.org/assignments/iana-ipv4-special-registry
 * https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const plain = withoutEmbedding(ipaddr.process(address));
  if (plain instanceof ipaddr.IPv6 && !plain.match(GLOBAL_UNICAST)) return false;
  return plain.range() === 'unicast' && !METADATA.has(plain.toString());
}

function withoutEmbedding(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  const isNat64 = address instanceof ipaddr.IPv6 && address.match(NAT64);
  return isNat64 ? new ipaddr.IPv4(address.toByteArray().slice(-4)) : address;
}

/**
 * Checks a receiver's URL as far as the URL alone allows. The addresses of its name are checked when
 * the connection is made, because the name may resolve to others by then.
 *
 * @throws DarkroomError `request`
 */
export function parseTarget(text: string, policy: TargetPolicy): URL {
  const { allowPrivate = false, ports = DEFAULT_PORTS } = policy;
  const refuse = (why: string) => new DarkroomError('request', `webhook.url: ${why}`);
  const url = URL.parse(text);
  if (url === null) throw refuse('must be a URL such as https://example.com/darkroom');
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
    throw refuse('must begin with https://');
  }
  if (url.username !== '' || url.password !== '') {
    throw refuse('must not contain a user or a password; the signature identifies the sender');
  }
  if (!allowPrivate && !ports.includes(Number(url.port || 443))) {
    throw refuse(`must use one of the ports ${ports.join(', ')}, not ${url.port || 443}`);
  }
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '');
  const isLocal = ipaddr.isValid(host) ? !isPublic(host) : /^(.*\.)?localhost$/.test(host);
  if (isLocal && !allowPrivate) throw refuse('must not name a private address');
  return url;
}
