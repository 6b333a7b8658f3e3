import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { darkroom } from '../commands/testing/darkroom.ts';
import { layers } from '../render/environments.ts';
import { type Manifest, nameOf, parseManifests } from '../render/manifest.ts';
import { renderFolder } from '../render/render.ts';
import { findTool } from '../render/tools.ts';
import { repository } from '../repository.ts';
import { sumsOf } from './manifest-files.ts';
import { type Checkout, createCheckout } from './testing/checkout.ts';

let checkout: Checkout;
let release: string;
/** A site's own repository: its environments, and what Argo CD or Flux applies. */
let site: string;

beforeAll(async () => {
  await findTool('kustomize');
  checkout = await createCheckout();
  release = (await checkout.build()).folder;
  site = join(checkout.root, 'site');
  mkdirSync(site);
  cpSync(join(repository, 'platform/environments/production'), join(site, 'environments/eu-west'), {
    recursive: true,
  });
}, 300_000);
afterAll(() => checkout.remove());

const render = (...args: string[]) =>
  darkroom(['release', 'render', release, 'eu-west', '--environments', 'environments', ...args], {
    cwd: site,
  });

const byName = (objects: Manifest[]) =>
  objects.map((object) => JSON.stringify(object)).sort((a, b) => (a < b ? -1 : 1));

test('a release as a folder is what `release render` prints, for who builds the folder or a layer of it', async () => {
  const printed = await render();
  expect(printed.stderr).toBe('');
  const { code, stdout } = await render('--output', 'clusters/eu-west');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^0\.1\.0-\w+ in eu-west: \d+ objects in clusters\/eu-west\n$/);
  const folder = join(site, 'clusters/eu-west');
  const expected = parseManifests(printed.stdout);
  expect(expected.map(nameOf)).toContain('Deployment darkroom/frontend');
  const [whole, infrastructure, apps] = await Promise.all(
    ['', ...layers].map((layer) => renderFolder(join(folder, layer))),
  );
  expect(byName(whole?.objects ?? [])).toEqual(byName(expected));
  // Byte by byte, and in this order: kustomize changes nothing of what it has made itself.
  expect(`${infrastructure?.text.trimEnd()}\n---\n${apps?.text}`).toBe(printed.stdout);
});

test('the folder names its release, and has the same bytes when it is written again', async () => {
  const folder = join(site, 'clusters/again');
  await render('--output', 'clusters/again');
  const sums = await sumsOf(folder);
  expect(Object.keys(sums)).toEqual([
    'apps/kustomization.yaml',
    'apps/manifests.yaml',
    'infrastructure/kustomization.yaml',
    'infrastructure/manifests.yaml',
    'kustomization.yaml',
  ]);
  writeFileSync(join(folder, 'apps/manifests.yaml'), 'of another release');
  await render('--output', 'clusters/again');
  expect(await sumsOf(folder)).toEqual(sums);
  const lock = createHash('sha256')
    .update(readFileSync(join(release, 'lock.json')))
    .digest('hex');
  const text = readFileSync(join(folder, 'kustomization.yaml'), 'utf8');
  expect(text).toContain(`release: ${release.split('/').at(-1)}, environment: eu-west`);
  expect(text).toContain(`sha256:${lock}`);
});

test('an environment that is not there is refused, with those that are', async () => {
  const { code, stderr } = await darkroom(
    ['release', 'render', release, 'mars', '--environments', 'environments'],
    { cwd: site },
  );
  expect(code).toBe(1);
  expect(stderr).toMatch(/has no environment mars; it has eu-west/);
});
