import { ExecError, exec } from '../../cluster/exec.ts';
import { CommandFailure } from '../../commands/failure.ts';

/** Registries, as crane speaks to them: with the credentials of `docker login`, each content by its digest. */
export type Crane = {
  /** Puts a layout of OCI into a registry. */
  push(layout: string, reference: string): Promise<void>;
  /** A manifest, byte by byte. */
  manifest(reference: string): Promise<string>;
  /** Gets an artifact as a layout, into a new folder. */
  pull(reference: string, layout: string): Promise<void>;
};

/** @param program the path of crane */
export function createCrane(program: string, signal?: AbortSignal): Crane {
  const run = async (what: string, args: string[]) => {
    try {
      return await exec(program, args, { signal });
    } catch (error) {
      if (!(error instanceof ExecError)) throw error;
      throw new CommandFailure(
        `${what} (${error.stderr.trim() || error.message}); check the reference, that the registry ` +
          'answers, and that `docker login` or `crane auth login` gave you access to it',
      );
    }
  };
  return {
    push: async (layout, reference) => {
      await run(`${reference} was not pushed`, ['push', layout, reference]);
    },
    manifest: (reference) => run(`${reference} was not found`, ['manifest', reference]),
    pull: async (reference, layout) => {
      await run(`${reference} was not pulled`, ['pull', '--format=oci', reference, layout]);
    },
  };
}
