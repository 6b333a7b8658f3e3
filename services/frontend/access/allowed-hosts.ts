import { BlockList, isIP, isIPv6 } from 'node:net';

/** Whether a service answers to a host name, and whether pages of that host may call it. */
export type AllowedHosts = (hostname: string) => boolean;

/**
 * The hosts that a service answers to; undefined for any.
 *
 * A service on loopback that asks for no key trusts whoever runs programs on this machine. Web pages
 * are not among them, yet a page can reach it: its name may resolve to 127.0.0.1 once it is loaded
 * (DNS rebinding). The `Host` and the `Origin` of such a request still name the page's own host.
 */
export function allowedHosts(options: {
  /** Names without ports, beside those of loopback; `*` for any. */
  configured: readonly string[] | undefined;
  /** Whether callers need no key. */
  anonymous: boolean;
  /** The address that the service listens on. */
  host: string;
}): AllowedHosts | undefined {
  const { configured, anonymous, host } = options;
  if (configured === undefined && !(anonymous && isLoopback(host))) return undefined;
  if (configured?.includes('*')) return undefined;
  const names = new Set(configured);
  return (hostname) => names.has(hostname) || isLoopback(hostname);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a host can be no other than this machine. */
export const isLoopback = (host: string): boolean =>
  /^(.+\.)?localhost$/.test(host) ||
  (isIP(host) !== 0 && loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4'));
