import { buildProgram } from '../cluster/offline/build-program.ts';
import { installedVersion } from '../cluster/tools.ts';
import type { Context } from './run-command.ts';

/** The path of go-containerregistry's program: the installed one, or one built from its pinned Go module. */
export const findCrane = async ({ note, signal }: Pick<Context, 'note' | 'signal'>) =>
  (await installedVersion('crane', ['version'])) === undefined
    ? buildProgram('crane', { steps: { say: note }, signal })
    : 'crane';
