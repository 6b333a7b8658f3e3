import { type ExecOptions, exec } from './exec.ts';

/** kubectl, for one cluster. */
export type Kubectl = {
  run(args: string[], options?: ExecOptions): Promise<string>;
  /** Applies objects on the server's side as Darkroom's own, and takes over what others hold. */
  apply(manifest: string): Promise<string>;
  /** An object as JSON, or undefined where there is none. */
  get<T>(args: string[]): Promise<T | undefined>;
};

export const FIELD_MANAGER = 'darkroom';

/**
 * @param program the path of kubectl
 * @param context of the cluster, in kubectl's own configuration
 */
export function createKubectl(program: string, context: string): Kubectl {
  const run = (args: string[], options: ExecOptions = {}) =>
    exec(program, ['--context', context, ...args], options);
  return {
    run,
    apply: (manifest) =>
      run(
        [
          ...['apply', '--server-side', '--force-conflicts', '--field-manager', FIELD_MANAGER],
          ...['--filename', '-'],
        ],
        { input: manifest },
      ),
    get: async (args) => {
      const out = await run(['get', '--ignore-not-found', '--output', 'json', ...args]);
      return out === '' ? undefined : JSON.parse(out);
    },
  };
}
