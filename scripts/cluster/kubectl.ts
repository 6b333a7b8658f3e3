import { ExecError, type ExecOptions, exec } from './exec.ts';

/** kubectl, for one cluster. */
export type Kubectl = {
  run(args: string[], options?: ExecOptions): Promise<string>;
  /** Applies objects on the server's side as Darkroom's own, and takes over what others hold. */
  apply(manifest: string): Promise<string>;
  /** What `apply` would change, as a diff: empty when it is nothing. */
  diff(manifest: string): Promise<string>;
  /** An object as JSON, or undefined where there is none. */
  get<T>(args: string[], options?: ExecOptions): Promise<T | undefined>;
};

const FIELD_MANAGER = 'darkroom';

/**
 * @param program the path of kubectl
 * @param context of the cluster, in kubectl's own configuration
 * @param access arguments that say where else its configuration is
 */
export function createKubectl(program: string, context: string, access: string[] = []): Kubectl {
  const run = (args: string[], options: ExecOptions = {}) =>
    exec(program, [...access, '--context', context, ...args], options);
  const ours = ['--server-side', '--force-conflicts', '--field-manager', FIELD_MANAGER];
  return {
    run,
    apply: (manifest) => run(['apply', ...ours, '--filename', '-'], { input: manifest }),
    diff: async (manifest) => {
      try {
        return await run(['diff', ...ours, '--filename', '-'], { input: manifest });
      } catch (error) {
        // It ends with 1 where something differs, and says what on standard output.
        if (error instanceof ExecError && error.code === 1 && error.stdout !== '') {
          return error.stdout;
        }
        throw error;
      }
    },
    get: async (args, options) => {
      const out = await run(['get', '--ignore-not-found', '--output', 'json', ...args], options);
      return out === '' ? undefined : JSON.parse(out);
    },
  };
}
