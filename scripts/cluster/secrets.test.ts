import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { secrets as read } from '../../platform/secrets.ts';
import { complete, credentialsChecksum } from './secrets.ts';

test('every Secret that the manifests read is made, with each of its keys', () => {
  const made = complete({});
  for (const { namespace, name, keys } of read) {
    expect(Object.keys(made[namespace]?.[name] ?? {}), `${namespace}/${name}`).toEqual(
      expect.arrayContaining([...keys]),
    );
  }
});

test('what is there is kept, and only what is missing is drawn', () => {
  const first = complete({});
  expect(complete(first)).toEqual(first);
  const { 'webhook-secrets': _, ...rest } = first.darkroom ?? {};
  expect(complete({ ...first, darkroom: rest })).toEqual(first);
});

test('two clusters share no credential', () => {
  const [a, b] = [JSON.stringify(complete({})), JSON.stringify(complete({}))];
  const long = (text: string): string[] => text.match(/[\w-]{30,}/g) ?? [];
  expect(long(a).filter((word) => long(b).includes(word) && !word.includes('sha256'))).toEqual([]);
});

test('the broker knows each password by its salted digest', () => {
  const { darkroom = {}, 'darkroom-data': data = {} } = complete({});
  const { users } = JSON.parse(data['rabbitmq-credentials']?.['definitions-users.json'] ?? '');
  const { password } = new URL(darkroom['worker-credentials']?.AMQP_URL ?? '');
  const worker = users.find(({ name }: { name: string }) => name === 'worker');
  const bytes = Buffer.from(worker.password_hash, 'base64');
  const digest = createHash('sha256').update(bytes.subarray(0, 4)).update(password).digest();
  expect(bytes.subarray(4)).toEqual(digest);
});

test('the checksum changes with a Secret that is read, and with no other', () => {
  const { darkroom = {} } = complete({});
  const checksum = credentialsChecksum(darkroom, ['worker-credentials']);
  const changed = (name: string) =>
    credentialsChecksum({ ...darkroom, [name]: { key: 'other' } }, ['worker-credentials']);
  expect(changed('worker-credentials')).not.toBe(checksum);
  expect(changed('api-keys')).toBe(checksum);
});
