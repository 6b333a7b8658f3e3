import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readConfig } from './config.ts';
import { openOutput, pictureName } from './output-path.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-output-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const png = new Uint8Array([1, 2, 3]);

test('a path that ends in .png is a file, any other a folder made when needed', async () => {
  const file = await openOutput(join(folder, 'deep', 'one.png'), 1);
  const many = await openOutput(join(folder, 'pictures'), 2);
  expect(await readdir(folder)).toEqual([]);

  expect(await file.write('ignored.png', png)).toBe(join(folder, 'deep', 'one.png'));
  expect(await many.write('a-1.png', png)).toBe(join(folder, 'pictures', 'a-1.png'));
  expect(await readFile(join(folder, 'deep', 'one.png'))).toEqual(Buffer.from(png));
});

test.each(['a.jpg', 'a.jpeg', 'a.webp', 'deep/a.b.JPG', 'pictures.v2'])(
  '%s is refused: it is neither a PNG file nor said to be a folder',
  async (name) => {
    const path = join(folder, name);
    const stem = path.slice(0, path.lastIndexOf('.'));
    await expect(openOutput(path, 1)).rejects.toThrow(
      `--output ${path}: pictures are PNG files; write ${stem}.png, or ${path}/ for a folder`,
    );
    expect(await readdir(folder)).toEqual([]);
  },
);

test('a separator at the end says that it is a folder', async () => {
  const made = await openOutput(join(folder, 'pictures.v2/'), 2);
  expect(await made.write('a-1.png', png)).toBe(join(folder, 'pictures.v2', 'a-1.png'));
});

test('a file of another kind is not overwritten', async () => {
  await writeFile(join(folder, 'a.jpg'), 'photo');
  await expect(openOutput(join(folder, 'a.jpg'), 1)).rejects.toThrow(/PNG files; write .*a\.png$/);
  await expect(openOutput(join(folder, 'a.jpg/'), 1)).rejects.toThrow(/is a file, not a folder/);
  expect(await readFile(join(folder, 'a.jpg'), 'utf8')).toBe('photo');
});

test('what is there decides before the name does', async () => {
  await mkdir(join(folder, 'odd.png'));
  await writeFile(join(folder, 'plain'), '');
  const inFolder = await openOutput(join(folder, 'odd.png'), 3);
  expect(await inFolder.write('a-1.png', png)).toBe(join(folder, 'odd.png', 'a-1.png'));
  const overFile = await openOutput(join(folder, 'plain'), 1);
  expect(await overFile.write('a-1.png', png)).toBe(join(folder, 'plain'));
});

test('what cannot hold the pictures is refused with the reason', async () => {
  await writeFile(join(folder, 'file'), '');
  await symlink(join(folder, 'loop'), join(folder, 'loop'));
  const refused = (path: string, count = 1) => openOutput(join(folder, path), count);
  await expect(refused('one.png', 2)).rejects.toThrow(/is one file, but 2 pictures come/);
  await expect(refused('file/a.png')).rejects.toThrow(/a part of the path is a file.*--output/);
  await expect(refused('loop/a.png')).rejects.toThrow(/cannot write to.*--output/);
});

test('pictures are named after prompt and seed, whatever the prompt holds', () => {
  expect(pictureName('A large red star!', 7)).toBe('a-large-red-star-7.png');
  expect(pictureName('../../etc/passwd', 1)).toBe('etc-passwd-1.png');
  expect(pictureName('⭐', 2)).toBe('picture-2.png');
  expect(pictureName('x'.repeat(500), 3)).toHaveLength('-3.png'.length + 60);
});

test('through npm, paths are relative to where the user stands', () => {
  vi.stubEnv('INIT_CWD', folder);
  expect(readConfig().userPath('star.png')).toBe(join(folder, 'star.png'));
  expect(readConfig().userPath('stars.v2/')).toBe(join(folder, 'stars.v2/'));
  vi.stubEnv('INIT_CWD', join(folder, 'gone'));
  expect(readConfig().userPath('star.png')).toBe(join(process.cwd(), 'star.png'));
});
