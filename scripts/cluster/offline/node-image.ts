import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Docker } from '../docker.ts';
import { exec } from '../exec.ts';
import type { Steps } from '../steps.ts';
import { buildProgram, moduleFolder } from './build-program.ts';
import { cacheFolder, fingerprint, whole } from './cache.ts';
import { ensureCompiler } from './compiler.ts';
import {
  dockerfile,
  type ImageRecipe,
  LABEL,
  makeImage,
  nodeImageFolder,
  programImage,
  USERLAND,
} from './image-recipe.ts';
import { KUBERNETES_VERSION } from './programs.ts';
import { rootFilesystem } from './root-filesystem.ts';

const NAME = `darkroom/node:${KUBERNETES_VERSION}`;
const BASE = 'darkroom/node-base:bookworm';
const storage = {
  provisioner: 'docker.io/kindest/local-path-provisioner:v0.0.30',
  helper: 'docker.io/kindest/local-path-helper:v1',
};

type Tools = { docker: Docker; steps: Steps; signal?: AbortSignal };

/**
 * The image of a kind node, made of Debian's packages and Go modules: what kind's own node image
 * holds, its network replaced by kube-router.
 *
 * @returns its name
 */
export async function offlineNodeImage(tools: Tools): Promise<string> {
  const { docker, steps } = tools;
  const kind = await moduleFolder('kind', 'sigs.k8s.io/kind', steps);
  const build = (name: Parameters<typeof buildProgram>[0]) => buildProgram(name, tools);
  const nodePrograms = {
    kubelet: await build('kubelet'),
    kubeadm: await build('kubeadm'),
    kubectl: await build('kubectl'),
  };
  const made = [
    await makeImage(
      {
        name: BASE,
        dockerfile: await dockerfile('base.Dockerfile'),
        files: {
          'rootfs.tar': await rootFilesystem('node', tools),
          files: join(kind, 'images/base/files'),
        },
      },
      tools,
    ),
  ];
  const images = await clusterImages(tools);
  for (const image of images) made.push(await makeImage(image, tools));

  const manifests = {
    'default-cni.yaml': await readFile(join(nodeImageFolder, 'default-cni.yaml'), 'utf8'),
    'default-storage.yaml': storageManifest(
      await readFile(join(kind, 'pkg/build/nodeimage/const_storage.go'), 'utf8'),
    ),
  };
  const bare = await dockerfile('node.Dockerfile');
  const key = fingerprint(...made, bare, JSON.stringify([manifests, nodePrograms]));
  if ((await docker.label(NAME, LABEL)) === key) return NAME;
  await steps.step(`making the image ${NAME}`, async (tell) => {
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-node-'));
    try {
      for (const part of ['bin', 'manifests']) await mkdir(join(folder, part));
      for (const [name, path] of Object.entries(nodePrograms))
        await cp(path, join(folder, 'bin', name));
      for (const [name, text] of Object.entries(manifests))
        await writeFile(join(folder, 'manifests', name), text);
      await writeFile(join(folder, 'version'), KUBERNETES_VERSION);
      await writeFile(join(folder, 'Dockerfile'), bare);
      tell('its programs');
      await docker.build({
        folder,
        tag: `${NAME}-bare`,
        args: { BASE },
        ...(tools.signal && { signal: tools.signal }),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    tell('its images');
    const names = images.filter(({ name }) => name !== USERLAND).map(({ name }) => name);
    await importImages(tools, { bare: `${NAME}-bare`, names, key });
  });
  return NAME;
}

/** The images that a cluster has before anything is installed, under the names kubeadm wants. */
async function clusterImages(tools: Tools): Promise<ImageRecipe[]> {
  const build = (name: Parameters<typeof buildProgram>[0]) => buildProgram(name, tools);
  const kubernetes = async (program: Parameters<typeof buildProgram>[0], base?: string) =>
    programImage({
      name: `registry.k8s.io/${program}:${KUBERNETES_VERSION}`,
      program: await build(program),
      as: `usr/local/bin/${program}`,
      ...(base !== undefined && { base }),
    });
  const userland: ImageRecipe = {
    name: USERLAND,
    dockerfile: await dockerfile('userland.Dockerfile'),
    files: { 'stage-programs.sh': join(nodeImageFolder, 'stage-programs.sh') },
    args: { BASE },
  };
  return [
    userland,
    programImage({ name: 'registry.k8s.io/pause:3.10.1', program: await pause(), as: 'pause' }),
    await kubernetes('kube-apiserver'),
    await kubernetes('kube-controller-manager'),
    await kubernetes('kube-scheduler'),
    await kubernetes('kube-proxy', USERLAND),
    // The tags of kubeadm; inside are the versions that platform/tools pins.
    programImage({
      name: 'registry.k8s.io/etcd:3.6.6-0',
      program: await build('etcd'),
      as: 'usr/local/bin/etcd',
    }),
    programImage({
      name: 'registry.k8s.io/coredns/coredns:v1.13.1',
      program: await build('coredns'),
      as: 'coredns',
    }),
    programImage({
      name: 'docker.io/cloudnativelabs/kube-router:v2.1.0',
      program: await build('kube-router'),
      as: 'usr/local/bin/kube-router',
      base: USERLAND,
    }),
    programImage({
      name: storage.provisioner,
      program: await build('local-path-provisioner'),
      as: 'usr/local/bin/local-path-provisioner',
    }),
    { name: storage.helper, dockerfile: `FROM ${USERLAND}\n`, files: {} },
  ];
}

/** The pause program, which kubelet starts first in every pod. */
async function pause(): Promise<string> {
  const source = join(nodeImageFolder, 'pause.c');
  const key = fingerprint(await readFile(source, 'utf8'));
  const path = join(cacheFolder, 'programs', `pause-${key}`, 'pause');
  if (existsSync(path)) return path;
  await ensureCompiler();
  await whole(path, async (unfinished) => {
    await exec('gcc', ['-Os', '-static', '-s', '-o', unfinished, source]);
  });
  return path;
}

/** kind's own manifest of its storage, with the images that are made here. */
function storageManifest(source: string): string {
  const manifest = source.match(/const defaultStorageManifest = `(.*?)`\s*$/s)?.[1];
  if (manifest === undefined) throw new Error('kind keeps its storage manifest elsewhere now');
  return manifest
    .replaceAll('` + storageProvisionerImage + `', storage.provisioner)
    .replaceAll('` + storageHelperImage + `', storage.helper);
}

/** Imports images into the containerd of a node image, as kind's build does. */
async function importImages(
  { docker, signal }: Tools,
  { bare, names, key }: { bare: string; names: string[]; key: string },
): Promise<void> {
  const container = `darkroom-node-build-${process.pid}`;
  const inside = (command: string) => docker.run(['exec', container, 'bash', '-c', command]);
  await docker.run([
    ...['run', '--detach', '--name', container, '--security-opt', 'seccomp=unconfined'],
    ...['--entrypoint', 'sleep', bare, 'infinity'],
  ]);
  try {
    await docker.run(['exec', '--detach', container, 'containerd']);
    await inside(
      'for i in $(seq 100); do ctr version >/dev/null 2>&1 && exit; sleep 0.2; done; exit 1',
    );
    // Docker's overlay cannot carry another overlay, so nothing is unpacked before the node runs.
    const load =
      'ctr -n k8s.io images import --label=io.cri-containerd.pinned=pinned --all-platforms ' +
      '--no-unpack --digests -';
    await exec(
      'bash',
      [
        ...['-o', 'pipefail', '-c'],
        `docker save ${names.join(' ')} | docker exec -i ${container} ${load}`,
      ],
      { env: docker.env, signal },
    );
    await inside('pkill containerd; while pgrep -x containerd >/dev/null; do sleep 0.1; done');
    await docker.run([
      ...['commit', '--change', 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'],
      ...['--change', `LABEL ${LABEL}=${key}`, container, NAME],
    ]);
  } finally {
    await docker.run(['rm', '--force', container]);
  }
}
