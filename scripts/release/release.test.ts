import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyModelFolder } from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differencesOf } from '../../platform/checks/equal-environments.ts';
import { containersOf, workloadsOf } from '../../platform/checks/pods.ts';
import { renderEnvironment } from '../render/render.ts';
import { findTool } from '../render/tools.ts';
import { repository } from '../repository.ts';
import { buildRelease, type ReleaseParts } from './build-release.ts';
import { readRelease } from './read-release.ts';
import { renderRelease } from './render-release.ts';
import { type Checkout, createCheckout, digest } from './testing/checkout.ts';

let checkout: Checkout;
beforeAll(async () => {
  await findTool('kustomize');
  checkout = await createCheckout();
}, 300_000);
afterAll(() => checkout.remove());

const build = (changed?: Partial<ReleaseParts>) => checkout.build(changed);

describe('a release that is built', () => {
  test('names everything by its content, and the same parts give the same bytes', async () => {
    const { folder, lock } = await build();
    const revision = (await checkout.git('rev-parse', 'HEAD')).trim();
    expect(lock.release).toBe(`0.1.0-${revision.slice(0, 12)}`);
    expect(lock.source).toEqual({ revision });
    expect(lock.images).toMatchObject({
      'darkroom/worker': { digest: digest('2') },
      'docker.io/library/postgres': { tag: '17' },
      'docker.io/library/rabbitmq': { tag: '4.0.5-management', digest: digest('5') },
    });
    expect(lock.models).toEqual({ pinhole: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(lock.tests).toEqual([{ report: 'results.json', passed: 7, skipped: 1 }]);
    expect(lock.manifests.files).toHaveProperty('apps/frontend/deployment.yaml');
    expect(
      Object.keys(lock.manifests.files).filter((path) => /environment|test/.test(path)),
    ).toEqual([]);
    const again = await build();
    for (const file of ['lock.json', 'sbom.cdx.json', 'provenance.json']) {
      const bytes = (at: string) => readFileSync(join(at, file), 'utf8');
      expect(bytes(again.folder)).toBe(bytes(folder));
    }
    expect((await readRelease(folder)).lock).toEqual(lock);
  });

  test('is never built over another', async () => {
    const into = join(checkout.root, 'twice');
    await buildRelease(checkout.parts, into);
    await expect(buildRelease(checkout.parts, into)).rejects.toThrow('is there already');
  });

  test.each<[string, () => Partial<ReleaseParts>, RegExp]>([
    [
      'images without a digest, all of them',
      () => ({ images: { 'darkroom/frontend': digest('1') } }),
      /no digest is known of darkroom\/worker, darkroom\/deletion-cost, darkroom\/drift, darkroom\/gpu-simulator, docker\.io\/library\/rabbitmq, docker\.io\/cloudnativelabs\/kube-router; give each with --image/,
    ],
    [
      'an image that no manifest has',
      () => ({ images: { ...checkout.parts.images, 'darkroom/fronted': digest('1') } }),
      /no manifest has the image darkroom\/fronted; there are darkroom\/frontend/,
    ],
    [
      'an image that is named by a tag',
      () => ({ images: { ...checkout.parts.images, 'darkroom/worker': 'v1' } }),
      /64 hexadecimal digits; these are not: darkroom\/worker=v1/,
    ],
    ['a model without its files', () => ({ models: {} }), /differ in pinhole; give the folder/],
    [
      'files of a model that is not served',
      () => ({ models: { ...checkout.parts.models, other: pinhole.folder } }),
      /differ in other/,
    ],
    [
      'tests that failed',
      () => {
        const failed = join(checkout.root, 'failed.json');
        writeFileSync(failed, '{ "numPassedTests": 7, "numFailedTests": 2, "numPendingTests": 0 }');
        return { reports: [failed] };
      },
      /failed\.json tells of 2 tests that failed/,
    ],
    [
      'a report that is none',
      () => ({ reports: [join(checkout.folder, 'package.json')] }),
      /is no report/,
    ],
  ])('is refused for %s', async (_, changed, message) => {
    await expect(build(changed())).rejects.toThrow(message);
  });

  test('is refused where files differ from the commit', async () => {
    const file = join(checkout.folder, 'platform/secrets.ts');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `${text}\n`);
    await expect(build()).rejects.toThrow('platform/secrets.ts');
    writeFileSync(file, text);
  });
});

describe('a release whose folder was edited is refused, naming what was', () => {
  const edit = (file: string, change: (text: string) => string) => (folder: string) => {
    const path = join(folder, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  };
  const frontend = 'platform/apps/frontend/deployment.yaml';
  test.each<[string, (folder: string) => void, RegExp]>([
    [
      'a changed manifest',
      edit(frontend, (text) => text.replace('512Mi', '513Mi')),
      /platform\/apps\/frontend\/deployment\.yaml was changed/,
    ],
    [
      'one that was taken away',
      (folder) => rmSync(join(folder, frontend)),
      /deployment\.yaml is missing/,
    ],
    [
      'one that was added',
      (folder) => writeFileSync(join(folder, 'platform/more.test.ts'), ''),
      /platform\/more\.test\.ts was added/,
    ],
    [
      'the sum of a file in the lock',
      edit('lock.json', (text) =>
        text.replace(
          /("apps\/frontend\/deployment.yaml": "sha256:)(.)/,
          (_, before, digit) => `${before}${digit === '0' ? '1' : '0'}`,
        ),
      ),
      /deployment\.yaml was changed.*manifests\.digest is not that of manifests\.files/s,
    ],
    [
      'an image in the lock',
      edit('lock.json', (text) => text.replace(digest('2'), 'latest')),
      /darkroom\/worker/,
    ],
    [
      'a field that the lock has not',
      edit('lock.json', (text) => text.replace('{', '{ "more": 1,')),
      /more/,
    ],
    [
      'another format',
      edit('lock.json', (text) => text.replace('"format": 1', '"format": 2')),
      /format/,
    ],
    [
      'the bill of materials',
      edit('sbom.cdx.json', (text) => text.replace('rabbitmq', 'rabitmq')),
      /sbom\.cdx\.json was changed/,
    ],
    [
      'a bill of materials that was taken away',
      (folder) => rmSync(join(folder, 'sbom.cdx.json')),
      /sbom\.cdx\.json is missing/,
    ],
    [
      'the provenance of another lock',
      edit('lock.json', (text) => text.replace('"passed": 7', '"passed": 8')),
      /provenance\.json is that of another lock\.json/,
    ],
    [
      'the images that the provenance tells',
      edit('provenance.json', (text) => text.replaceAll('2'.repeat(64), '7'.repeat(64))),
      /provenance\.json tells other sources, images or models than lock\.json/,
    ],
    [
      'a provenance that is none',
      (folder) => writeFileSync(join(folder, 'provenance.json'), '{}'),
      /provenance\.json is no provenance of a release/,
    ],
    [
      'a file beside those of a release',
      (folder) => writeFileSync(join(folder, 'install.sh'), ''),
      /install\.sh was added/,
    ],
    ['a lock that is no JSON', edit('lock.json', (text) => text.slice(1)), /is no JSON/],
    [
      'no lock',
      (folder) => rmSync(join(folder, 'lock.json')),
      /is no release: it has no lock\.json/,
    ],
  ])('%s', async (_, change, message) => {
    const { folder } = await build();
    change(folder);
    await expect(readRelease(folder)).rejects.toThrow(message);
  });

  test('the name of another release', async () => {
    const { folder } = await build();
    renameSync(folder, `${folder}-other`);
    await expect(readRelease(`${folder}-other`)).rejects.toThrow('the folder has another name');
  });
});

describe('what a release is in an environment', () => {
  const environment = (name: string) => join(repository, 'platform/environments', name);
  const objectsOf = async (name: string) => {
    const release = await readRelease((await build()).folder);
    const { infrastructure, apps } = await renderRelease(release, environment(name));
    return [...infrastructure.objects, ...apps.objects];
  };

  test('is what the checkout renders, with the digests of the release', async () => {
    const { infrastructure, apps } = await renderEnvironment('production');
    const { digest: model } = await verifyModelFolder(pinhole.folder);
    const rendered = (await objectsOf('production')).map((object) => JSON.stringify(object));
    const inCheckout = [...infrastructure.objects, ...apps.objects].map((object) =>
      JSON.stringify(object)
        .replaceAll(/darkroom\/(frontend|worker|deletion-cost|drift):unbound/g, (image, name) =>
          image.replace(':unbound', `@${checkout.parts.images[`darkroom/${name}`]}`),
        )
        .replaceAll('rabbitmq:4.0.5-management', `$&@${digest('5')}`)
        .replaceAll(
          '"darkroom.dev/model-digest":"latest"',
          `"darkroom.dev/model-digest":"${model}"`,
        ),
    );
    expect(rendered).toEqual(inCheckout);
  });

  test('names the version of each model to the step that fetches it and to its worker', async () => {
    const release = await readRelease((await build()).folder);
    const { pinhole: model } = release.lock.models;
    const { apps } = await renderRelease(release, environment('production'));
    expect(apps.text).toContain(`darkroom.dev/model-digest: ${model}`);
    const [worker] = workloadsOf(apps.objects).filter(
      ({ object }) => object.metadata.name === 'worker-pinhole',
    );
    expect(worker?.annotations['darkroom.dev/model-digest']).toBe(model);
    const containers = worker === undefined ? [] : containersOf(worker);
    expect(containers.map(({ container }) => container.name)).toEqual(['fetch-model', 'worker']);
    for (const { container } of containers) {
      const variable = container.env?.find(({ name }) => name === 'MODEL_DIGEST');
      expect(variable?.valueFrom?.fieldRef?.fieldPath).toBe(
        "metadata.annotations['darkroom.dev/model-digest']",
      );
    }
  });

  test('differs between staging and production in bound fields alone, and names every image by digest', async () => {
    const [staging, production] = [await objectsOf('staging'), await objectsOf('production')];
    expect(
      differencesOf(
        { name: 'staging', objects: staging },
        { name: 'production', objects: production },
      ),
    ).toEqual([]);
    const named = JSON.stringify(production).match(/"image":"[^"]+"/g) ?? [];
    expect(named.length).toBeGreaterThan(10);
    for (const image of named) expect(image).toMatch(/@sha256:[0-9a-f]{64}"$/);
  });

  test('is refused where the environment binds an image that the release has not', async () => {
    const release = await readRelease((await build()).folder);
    const folder = join(checkout.root, 'other-environment');
    cpSync(environment('production'), folder, { recursive: true });
    const file = join(folder, 'images/kustomization.yaml');
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('name: darkroom/worker', 'name: darkroom/wrker'),
    );
    await expect(renderRelease(release, folder)).rejects.toThrow(/binds the image darkroom\/wrker/);
  });
});
