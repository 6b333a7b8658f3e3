import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { signed } from './sign.ts';

const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
const body = JSON.stringify({ type: 'generation.succeeded', data: { prompt: "l'été 🌟" } });
const id = 'msg_1';

describe('a signed message', () => {
  it('is the one that the specification gives as its example', () => {
    const secret = 'whsec_plJ3nmyCDGBKInavdOK15jsl';
    const example = {
      id: 'msg_loFOjxBNrRLzqYUf',
      body: '{"event_type":"ping","data":{"success":true}}',
      now: new Date(1731705121 * 1_000),
    };
    expect(signed(example, [secret])).toEqual({
      'webhook-id': 'msg_loFOjxBNrRLzqYUf',
      'webhook-timestamp': '1731705121',
      'webhook-signature': 'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=',
    });
  });

  it('is verified by the reference library under each secret, and under no other', () => {
    const secrets = [newSecret(), newSecret()];
    const headers = signed({ id, body, now: new Date() }, secrets);
    for (const secret of secrets) {
      expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    }
    expect(() => new Webhook(newSecret()).verify(body, headers)).toThrow('No matching signature');
  });

  it.each<[string, (headers: Record<string, string>) => [string, Record<string, string>], string]>([
    ['another body', (headers) => [`${body} `, headers], 'No matching signature'],
    ['another id', (headers) => [body, { ...headers, 'webhook-id': 'x' }], 'No matching signature'],
    [
      'a later time',
      (headers) => {
        const later = String(Number(headers['webhook-timestamp']) + 60);
        return [body, { ...headers, 'webhook-timestamp': later }];
      },
      'No matching signature',
    ],
    [
      'another scheme',
      (headers) => {
        const signature = headers['webhook-signature']?.replace('v1,', 'v2,') ?? '';
        return [body, { ...headers, 'webhook-signature': signature }];
      },
      'No matching signature',
    ],
    ['no signature', (headers) => [body, { ...headers, 'webhook-signature': '' }], 'Missing'],
  ])('is refused as forged with %s', (_, forge, why) => {
    const secret = newSecret();
    const [text, headers] = forge(signed({ id, body, now: new Date() }, [secret]));
    expect(() => new Webhook(secret).verify(text, headers)).toThrow(why);
  });

  it('is refused as replayed after five minutes', () => {
    const secret = newSecret();
    const old = new Date(Date.now() - 6 * 60_000);
    const headers = signed({ id, body, now: old }, [secret]);
    expect(() => new Webhook(secret).verify(body, headers)).toThrow('too old');
  });
});
