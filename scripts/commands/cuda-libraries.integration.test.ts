import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installCudaLibraries } from './cuda-libraries.ts';

/** Writes a wheel by Python, whose pip is what these tests need. */
const wheelMaker = `
import sys, zipfile
folder, name, version, tag, *files = sys.argv[1:]
info = f'{name}-{version}.dist-info'
with zipfile.ZipFile(f'{folder}/{name}-{version}-{tag}.whl', 'w') as wheel:
    for file in files:
        wheel.writestr(file, file + ' ' + version)
    wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')
    wheel.writestr(f'{info}/WHEEL', f'Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: {tag}\\n')
    wheel.writestr(f'{info}/RECORD', '')
`;
const runtimeWheel = {
  name: 'onnxruntime_gpu',
  tag: 'cp312-cp312-manylinux_2_28_x86_64',
  files: [
    'onnxruntime/capi/libonnxruntime_providers_cuda.so',
    'onnxruntime/capi/libonnxruntime_providers_shared.so',
    'onnxruntime/capi/libonnxruntime.so.1.0.0',
  ],
};
const toolkitWheel = {
  name: 'nvidia_cublas',
  tag: 'py3-none-manylinux_2_27_x86_64',
  files: ['nvidia/cu13/lib/libcublas.so.13', 'nvidia/cu13/include/cublas.h'],
};
const libraries = [
  'libcublas.so.13',
  'libonnxruntime_providers_cuda.so',
  'libonnxruntime_providers_shared.so',
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cuda-libraries-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A lock and, in a folder of their own, the wheels that it names. */
async function site(name: string, version: string, wheels = [runtimeWheel, toolkitWheel]) {
  const links = join(folder, name);
  await mkdir(links);
  const lines = wheels.map((wheel) => {
    execFileSync('python3', [
      ...['-c', wheelMaker, links, wheel.name, version, wheel.tag],
      ...wheel.files,
    ]);
    const file = readFileSync(join(links, `${wheel.name}-${version}-${wheel.tag}.whl`));
    const hash = createHash('sha256').update(file).digest('hex');
    return `${wheel.name.replace('_', '-')}==${version} --hash=sha256:${hash}`;
  });
  const lock = join(links, 'lock.txt');
  await writeFile(lock, `# What is installed.\n${lines.join('\n')}\n`);
  return { lock, env: { PIP_NO_INDEX: '1', PIP_FIND_LINKS: links }, lines };
}

async function machine(name: string) {
  const [cache, runtime] = [join(folder, name, 'cache'), join(folder, name, 'runtime')];
  await mkdir(runtime, { recursive: true });
  const notes: string[] = [];
  const note = (text: string) => void notes.push(text);
  return { cache, runtime, note, notes, room: 1, signal: new AbortController().signal };
}

test('brings the libraries once and links them beside the runtime', async () => {
  const { lock, env, lines } = await site('index', '1.0');
  const here = await machine('laptop');
  const first = await installCudaLibraries({ ...here, lock, env });
  expect(first).toMatchObject({ fetched: true });
  expect([...first.files].sort()).toEqual(libraries);
  expect(here.notes.join('\n')).toContain('onnxruntime_gpu-1.0');
  for (const name of libraries) {
    expect(readlinkSync(join(here.runtime, name))).toBe(join(first.folder, name));
    expect(readFileSync(join(here.runtime, name), 'utf8')).toContain(`${name} 1.0`);
  }
  expect(await readdir(join(first.folder, 'licenses'))).toHaveLength(2);

  // The packages were installed anew, and the lock has another comment and another order.
  await rm(here.runtime, { recursive: true });
  await mkdir(here.runtime);
  await writeFile(lock, `# Another comment.\n${[...lines].reverse().join('\n')}\n`);
  const gone = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: '' };
  const again = await installCudaLibraries({ ...here, lock, env: gone });
  expect(again).toMatchObject({ folder: first.folder, fetched: false });
  expect((await readdir(here.runtime)).sort()).toEqual(libraries);
});

test('an upgrade replaces the links, and takes away those that it has no library for', async () => {
  const here = await machine('upgraded');
  const before = await site('before', '1.0');
  await installCudaLibraries({ ...here, ...before });
  const after = await site('after', '2.0', [runtimeWheel]);
  const { folder: now } = await installCudaLibraries({ ...here, ...after });
  const links = (await readdir(here.runtime)).sort();
  expect(links).toEqual(libraries.slice(1));
  for (const name of links) expect(readlinkSync(join(here.runtime, name))).toBe(join(now, name));
});

test('a wheel of another checksum is refused, and nothing is kept', async () => {
  const here = await machine('tampered');
  const { lock, env, lines } = await site('tampered-index', '1.0');
  const digit = lines[1]?.at(-1) === '0' ? '1' : '0';
  await writeFile(lock, `${lines[0]}\n${lines[1]?.slice(0, -1)}${digit}\n`);
  await expect(installCudaLibraries({ ...here, lock, env })).rejects.toThrow(
    /nvidia-cublas==1.0 has another checksum \([0-9a-f]{64}\) than .*lock.txt says/,
  );
  expect(await readdir(here.cache)).toEqual([]);
  expect(await readdir(here.runtime)).toEqual([]);
});

test('where the index is away, it says what to look at', async () => {
  const here = await machine('offline');
  const { lock } = await site('offline-index', '1.0');
  const env = { PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '0', PIP_NO_INDEX: '0' };
  await expect(
    installCudaLibraries({ ...here, lock, env: { ...env, PIP_FIND_LINKS: '' } }),
  ).rejects.toThrow(/pip could not get onnxruntime-gpu==1.0; check the network.*PIP_FIND_LINKS/);
  expect(await readdir(here.cache)).toEqual([]);
});

test('without Python, or without room, it says so before it fetches anything', async () => {
  const here = await machine('bare');
  const { lock, env } = await site('bare-index', '1.0');
  const noPython = { ...env, PATH: here.runtime };
  await expect(installCudaLibraries({ ...here, lock, env: noPython })).rejects.toThrow(
    /there is no python3 with pip; install it/,
  );
  await expect(installCudaLibraries({ ...here, lock, env, room: 2 ** 60 })).rejects.toThrow(
    /GiB free, and the CUDA libraries need .*XDG_CACHE_HOME/,
  );
  expect(existsSync(here.cache) ? await readdir(here.cache) : []).toEqual([]);
});
