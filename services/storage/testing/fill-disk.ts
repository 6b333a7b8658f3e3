// Fills the file system of a folder with objects, then frees one; prints what happened as JSON.
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { DarkroomError } from '@darkroom/contract';
import { createFsStore } from '../fs/create-fs-store.ts';

const folder = process.argv[2] ?? '';
const store = createFsStore({ folder });
const picture = new Uint8Array(100_000).fill(7);
const stored: string[] = [];
let failure: unknown;
while (failure === undefined) {
  const key = `tenant/generation-${stored.length}/0-abc`;
  try {
    await store.put(key, picture, 'image/png');
    stored.push(key);
  } catch (error) {
    failure = error;
  }
}
const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile()).length;
const listed = await store.list('');
await store.remove(stored.slice(0, 1));
const afterFreeing = await store.put('tenant/later/0-abc', picture, 'image/png').then(
  () => 'stored',
  (error: unknown) => String(error),
);
const { kind, message } = failure instanceof DarkroomError ? failure : { kind: '', message: '' };
console.log(JSON.stringify({ stored, files, listed, kind, message, afterFreeing }));
