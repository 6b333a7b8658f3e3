import { type ExecOptions, exec } from './exec.ts';

/** The Docker engine that the cluster's nodes run on. */
export type Docker = {
  /** Runs a docker command and gives its output. */
  run(args: string[], options?: ExecOptions): Promise<string>;
  /** The id of the image under this name, empty where the engine has none. */
  imageId(name: string): Promise<string>;
  /**
   * Builds an image from a folder or a Dockerfile in it.
   *
   * @param label kept in the image, to tell what it was made of
   */
  build(options: {
    folder: string;
    file?: string;
    tag: string;
    target?: string;
    args?: Record<string, string>;
    labels?: Record<string, string>;
    signal?: AbortSignal;
    onLine?: (line: string) => void;
  }): Promise<void>;
  /** The value of a label of an image, empty where the image or the label is missing. */
  label(image: string, label: string): Promise<string>;
  /** What every program that speaks to this engine must have in its environment. */
  env: NodeJS.ProcessEnv;
};

/** @param host the engine's address, as in DOCKER_HOST; the default one where it is absent */
export async function createDocker(host?: string): Promise<Docker> {
  const env = host === undefined ? {} : { DOCKER_HOST: host };
  const run = (args: string[], options: ExecOptions = {}) =>
    exec('docker', args, { ...options, env: { ...env, ...options.env } });
  // BuildKit where the client has it; the engine's own builder otherwise.
  const buildkit = await run(['buildx', 'version']).then(
    () => '1',
    () => '0',
  );
  return {
    env,
    run,
    imageId: (name) =>
      run(['image', 'inspect', '--format', '{{.Id}}', name]).then(
        (id) => id.trim(),
        () => '',
      ),
    build: async ({ folder, file, tag, target, args = {}, labels = {}, signal, onLine }) => {
      await run(
        [
          ...['build', '--tag', tag, '--network', 'host'],
          ...(file === undefined ? [] : ['--file', file]),
          ...(target === undefined ? [] : ['--target', target]),
          ...Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
          ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
          folder,
        ],
        {
          timeoutMs: 1_800_000,
          env: { DOCKER_BUILDKIT: buildkit },
          ...(signal && { signal }),
          ...(onLine && { onLine }),
        },
      );
    },
    label: (image, label) =>
      run([...['image', 'inspect', '--format'], `{{index .Config.Labels "${label}"}}`, image]).then(
        (value) => value.trim().replace('<no value>', ''),
        () => '',
      ),
  };
}
