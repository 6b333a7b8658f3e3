import { describe, expect, it } from 'vitest';
import { isPublic, parseTarget } from './target.ts';

describe('an address is public', () => {
  it.each(['8.8.8.8', '93.184.215.14', '2606:4700::6810:84e5', '::ffff:8.8.8.8'])(
    '%s',
    (address) => {
      expect(isPublic(address)).toBe(true);
    },
  );
});

describe('an address is not public', () => {
  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.0.1'],
    ['loopback', '::1'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '192.168.1.1'],
    ['unique local', 'fd12:3456::1'],
    ['link-local, where clouds tell credentials', '169.254.169.254'],
    ['link-local', 'fe80::1'],
    ['link-local with its zone', 'fe80::1%eth0'],
    ['site-local', 'fec0::1'],
    ['metadata of AWS', 'fd00:ec2::254'],
    ['metadata of Alibaba, and carrier-grade NAT', '100.100.100.200'],
    ['metadata of Oracle', '192.0.0.192'],
    ['metadata of Azure', '168.63.129.16'],
    ['metadata of Azure mapped into IPv6', '::ffff:168.63.129.16'],
    ['multicast', '224.0.0.1'],
    ['multicast', 'ff02::1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '0.0.0.0'],
    ['unspecified', '::'],
    ['reserved', '240.0.0.1'],
    ['documentation', '192.0.2.1'],
    ['documentation', '2001:db8::1'],
    ['benchmarking', '198.18.0.1'],
    ['IPv4 mapped into IPv6', '::ffff:127.0.0.1'],
    ['IPv4 mapped into IPv6, in hexadecimal', '::ffff:a00:1'],
    ['IPv4-compatible IPv6', '::10.0.0.1'],
    ['IPv4 through NAT64', '64:ff9b::10.0.0.1'],
    ['IPv4 through 6to4', '2002:a00:1::'],
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
    ['https://me@example.com/', 'must not hold a user or a password'],
    ['https://me:secret@example.com/', 'must not hold a user or a password'],
    ['https://example.com@127.0.0.1/', 'must not hold a user or a password'],
    ['https://127.0.0.1/', 'must not name a private address'],
    ['https://127.1/', 'must not name a private address'],
    ['https://127.0.0.1./', 'must not name a private address'],
    ['https://0x7f000001/', 'must not name a private address'],
    ['https://2130706433/', 'must not name a private address'],
    ['https://0177.0.0.1/', 'must not name a private address'],
    ['https://①②⑦.0.0.1/', 'must not name a private address'],
    ['https://0/', 'must not name a private address'],
    ['https://[::1]/', 'must not name a private address'],
    ['https://[::ffff:127.0.0.1]/', 'must not name a private address'],
    ['https://[::ffff:7f00:1]/', 'must not name a private address'],
    ['https://169.254.169.254/latest/meta-data/', 'must not name a private address'],
    ['https://localhost/', 'must not name a private address'],
    ['https://LOCALHOST./', 'must not name a private address'],
    ['https://hook.localhost/', 'must not name a private address'],
  ])('%s is refused: %s', (url, why) => {
    expect(() => parseTarget(url, {})).toThrow(why);
  });

  it('may be private and unencrypted where that is switched on, and still hold no password', () => {
    const development = { allowPrivate: true };
    expect(parseTarget('http://127.0.0.1:3000/', development).port).toBe('3000');
    expect(() => parseTarget('http://a:b@127.0.0.1/', development)).toThrow('user or a password');
    expect(() => parseTarget('ftp://127.0.0.1/', development)).toThrow('https://');
  });
});
