import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { isPublic, parseTarget } from './target.ts';

describe('an address is public', () => {
  it.each([
    ['IPv4', '8.8.8.8'],
    ['IPv4', '93.184.215.14'],
    ['IPv6', '2606:4700::6810:84e5'],
    ['the last of global unicast but the documentation block', '3ffe:ffff::1'],
    ['public IPv4 mapped into IPv6', '::ffff:8.8.8.8'],
    ['public IPv4 through NAT64', '64:ff9b::8.8.8.8'],
  ])('%s: %s', (_, address) => {
    expect(isPublic(address)).toBe(true);
  });
});

/** The IANA IPv4 special-purpose address registry, and what it counts as multicast elsewhere. */
const SPECIAL_IPV4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
];

/** The IANA IPv6 special-purpose address registry, and blocks without global unicast addresses. */
const SPECIAL_IPV6 = [
  ...['::/128', '::1/128', '::/96', '::ffff:0:0:0/96', '64:ff9b:1::/48', '100::/64'],
  ...['100:0:0:1::/64', '2001::/23', '2001::/32', '2001:2::/48', '2001:3::/32'],
  ...['2001:4:112::/48', '2001:10::/28', '2001:20::/28', '2001:30::/28', '2001:db8::/32'],
  ...['2002::/16', '2620:4f:8000::/48', '3fff::/20', '4000::/3', '5f00::/16', '8000::/1'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
];

describe('no address of a special-purpose block is public', () => {
  it.each(SPECIAL_IPV4)('%s, as it is, mapped into IPv6 and through NAT64', (block) => {
    for (const address of [
      ipaddr.IPv4.networkAddressFromCIDR(block),
      ipaddr.IPv4.broadcastAddressFromCIDR(block),
    ]) {
      const tails = [`${address}`, `::ffff:${address}`, `64:ff9b::${address}`, `::${address}`];
      expect(tails.map((tail) => [tail, isPublic(tail)])).toEqual(tails.map((t) => [t, false]));
    }
  });

  it.each(SPECIAL_IPV6)('%s', (block) => {
    const first = ipaddr.IPv6.networkAddressFromCIDR(block).toString();
    const last = ipaddr.IPv6.broadcastAddressFromCIDR(block).toString();
    expect([isPublic(first), isPublic(last)], `${first} to ${last}`).toEqual([false, false]);
  });
});

describe('an address is not public', () => {
  it.each([
    ['link-local with its zone', 'fe80::1%eth0'],
    ['metadata of AWS and others', '169.254.169.254'],
    ['metadata of AWS', 'fd00:ec2::254'],
    ['metadata of Alibaba, and carrier-grade NAT', '100.100.100.200'],
    ['metadata of Oracle', '192.0.0.192'],
    ['metadata of Azure', '168.63.129.16'],
    ['metadata of Azure mapped into IPv6', '::ffff:168.63.129.16'],
    ['metadata of Azure through NAT64', '64:ff9b::168.63.129.16'],
    ['loopback as IPv4-compatible IPv6', '::127.0.0.1'],
    ['loopback mapped into IPv6, in hexadecimal', '::ffff:7f00:1'],
    ['IPv4-translated IPv6', '::ffff:0:8.8.8.8'],
    ['public IPv4 as IPv4-compatible IPv6, which nothing routes', '::808:808'],
    ['private IPv4 through 6to4', '2002:a00:1::'],
    ['public IPv4 through 6to4, which is obsolete', '2002:808:808::'],
    ['IPv4 through Teredo', '2001::a00:1'],
    ['no address', 'example.com'],
    ['no address', ''],
  ])('%s: %s', (_, address) => {
    expect(isPublic(address)).toBe(false);
  });
});

describe('a receiver', () => {
  it.each([
    'https://example.com/hook?token=1',
    'https://example.com:8443',
    'https://8.8.8.8/',
    'https://[2606:4700::1]/',
  ])('%s is taken', (url) => {
    expect(parseTarget(url, {}).href).toContain(url);
  });

  it.each([
    ['not a url', 'must be a URL'],
    ['', 'must be a URL'],
    ['https://', 'must be a URL'],
    ['/hook', 'must be a URL'],
    ['http://example.com/', 'must begin with https://'],
    ['ftp://example.com/', 'must begin with https://'],
    ['file:///etc/passwd', 'must begin with https://'],
    ['javascript:alert(1)', 'must begin with https://'],
    ['https://me@example.com/', 'must not contain a user or a password'],
    ['https://me:secret@example.com/', 'must not contain a user or a password'],
    ['https://:secret@example.com/', 'must not contain a user or a password'],
    ['https://example.com@127.0.0.1/', 'must not contain a user or a password'],
    ['https://127.0.0.1/', 'must not name a private address'],
    ['https://127.1/', 'must not name a private address'],
    ['https://127.0.0.1./', 'must not name a private address'],
    ['https://0x7f000001/', 'must not name a private address'],
    ['https://2130706433/', 'must not name a private address'],
    ['https://0177.0.0.1/', 'must not name a private address'],
    ['https://①②⑦.0.0.1/', 'must not name a private address'],
    ['https://0/', 'must not name a private address'],
    ['https://[::1]/', 'must not name a private address'],
    ['https://[::127.0.0.1]/', 'must not name a private address'],
    ['https://[64:ff9b::127.0.0.1]/', 'must not name a private address'],
    ['https://[fec0::1]/', 'must not name a private address'],
    ['https://[::ffff:127.0.0.1]/', 'must not name a private address'],
    ['https://[::ffff:7f00:1]/', 'must not name a private address'],
    ['https://169.254.169.254/latest/meta-data/', 'must not name a private address'],
    ['https://localhost/', 'must not name a private address'],
    ['https://LOCALHOST./', 'must not name a private address'],
    ['https://hook.localhost/', 'must not name a private address'],
  ])('%s is refused: %s', (url, why) => {
    expect(() => parseTarget(url, {})).toThrow(why);
  });

  it.each([22, 25, 80, 2375, 5432, 6379, 9200])('on port %i is refused', (port) => {
    const refused = () => parseTarget(`https://example.com:${port}/`, {});
    expect(refused).toThrow(`must use one of the ports 443, 8443, not ${port}`);
  });

  it('may listen on the ports that are configured, and on no other', () => {
    const policy = { ports: [10443] };
    expect(parseTarget('https://example.com:10443/', policy).port).toBe('10443');
    expect(() => parseTarget('https://example.com/', policy)).toThrow(
      'one of the ports 10443, not 443',
    );
  });

  it('may be private and unencrypted where that is switched on, and still hold no password', () => {
    const development = { allowPrivate: true };
    expect(parseTarget('http://127.0.0.1:3000/', development).port).toBe('3000');
    expect(() => parseTarget('http://a:b@127.0.0.1/', development)).toThrow('user or a password');
    expect(() => parseTarget('ftp://127.0.0.1/', development)).toThrow('https://');
  });
});
