import type { Docker } from './docker.ts';
import { type ClusterNames, NETWORK, REGISTRY } from './names.ts';

/** What a registry is run from. */
export type RegistryImage = {
  name: string;
  /** A folder for its layers, which outlives it, and where its server looks for them. */
  blobs?: { folder: string; inside: string };
};

/** The registry beside the cluster, where its own images and those made offline lie. */
export type Registry = {
  runs(): Promise<boolean>;
  /** Runs it, unless it runs. */
  start(image: RegistryImage): Promise<void>;
  /** Puts an image of the engine into it under a path, and gives its digest (`sha256:…`). */
  push(image: string, path: string): Promise<string>;
  /**
   * Tells a node's containerd where it is.
   *
   * @param mirrored registries whose images are to be taken from it
   */
  introduce(node: string, mirrored: readonly string[]): Promise<void>;
  remove(): Promise<void>;
};

export function createRegistry(docker: Docker, names: ClusterNames): Registry {
  const { registry: container, registryPort } = names;
  const inNetwork = `http://${container}:5000`;
  const running = async () => {
    const inspect = ['inspect', '--format', '{{.State.Running}}', container];
    return (await docker.run(inspect).catch(() => 'absent')).trim();
  };
  return {
    runs: async () => (await running()) === 'true',
    start: async ({ name, blobs }) => {
      const state = await running();
      if (state === 'true') return;
      if (state === 'false') {
        await docker.run(['start', container]);
        return;
      }
      await ensureNetwork(docker);
      await docker.run([
        ...['run', '--detach', '--name', container, '--network', NETWORK],
        ...['--restart', 'on-failure', '--publish', `127.0.0.1:${registryPort}:5000`],
        ...(blobs === undefined ? [] : ['--volume', `${blobs.folder}:${blobs.inside}`]),
        name,
      ]);
    },
    push: async (image, path) => {
      const repository = `localhost:${registryPort}/${path.split(':')[0]}`;
      const known = await digestsOf(docker, image);
      const present = known.find((digest) => digest.startsWith(`${repository}@`));
      // The engine knows what it pushed; the registry may have been made anew since.
      if (present !== undefined && (await hasDigest(registryPort, present))) {
        return present.slice(repository.length + 1);
      }
      const target = `localhost:${registryPort}/${path}`;
      await docker.run(['tag', image, target]);
      const out = await docker.run(['push', target]);
      const digest = out.match(/digest: (sha256:[0-9a-f]{64})/)?.[1];
      if (digest === undefined) throw new Error(`the push of ${target} told no digest: ${out}`);
      return digest;
    },
    introduce: async (node, mirrored) => {
      const hosts = {
        [REGISTRY]: inNetwork,
        // By which this machine pushes, and Tilt names what it pushed.
        [`localhost:${registryPort}`]: inNetwork,
        ...Object.fromEntries(mirrored.map((each) => [each, inNetwork])),
      };
      for (const [registry, host] of Object.entries(hosts)) {
        const folder = `/etc/containerd/certs.d/${registry}`;
        await docker.run(
          [
            'exec',
            '--interactive',
            node,
            'sh',
            '-c',
            `mkdir -p ${folder} && cat > ${folder}/hosts.toml`,
          ],
          {
            input: `[host."${host}"]\n  capabilities = ["pull", "resolve"]\n`,
          },
        );
      }
    },
    remove: async () => {
      await docker.run(['rm', '--force', '--volumes', container]);
    },
  };
}

/** Where an image was pushed, as `REPOSITORY@sha256:…`. */
async function digestsOf(docker: Docker, image: string): Promise<string[]> {
  const out = await docker.run([
    ...['image', 'inspect', '--format', '{{json .RepoDigests}}', image],
  ]);
  return JSON.parse(out) as string[];
}

async function hasDigest(port: number, pushed: string): Promise<boolean> {
  const [repository = '', digest] = pushed.split('@');
  const path = repository.slice(repository.indexOf('/') + 1);
  const answer = await fetch(`http://127.0.0.1:${port}/v2/${path}/manifests/${digest}`, {
    method: 'HEAD',
  }).catch(() => undefined);
  return answer?.ok ?? false;
}

/** kind makes it with its first cluster; the registry may come before. */
async function ensureNetwork(docker: Docker): Promise<void> {
  const known = await docker.run(['network', 'ls', '--filter', `name=^${NETWORK}$`, '--quiet']);
  if (known.trim() !== '') return;
  const info = await docker.run(['network', 'inspect', 'bridge', '--format', '{{json .Options}}']);
  const options = JSON.parse(info) as Record<string, string>;
  const mtu = options['com.docker.network.driver.mtu'] ?? '1500';
  await docker.run([
    ...['network', 'create', '--driver', 'bridge'],
    ...['--opt', 'com.docker.network.bridge.enable_ip_masquerade=true'],
    ...['--opt', `com.docker.network.driver.mtu=${mtu}`, NETWORK],
  ]);
}
