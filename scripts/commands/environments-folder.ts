import { platformPath } from '../render/render.ts';
import type { Context } from './run-command.ts';

export type Environments = { environments?: string | undefined };

/** The folder of all environments: the one that was named, or that of this checkout. */
export const environmentsFolder = (
  { environments }: Environments,
  { config }: Pick<Context, 'config'>,
): string =>
  environments === undefined ? platformPath('environments') : config.userPath(environments);
