import { join } from 'node:path';
import process from 'node:process';
import { type ClusterNames, folderOf } from './names.ts';

/**
 * Gives a cluster that programs use a file for kubectl of its own, for this process and all that it
 * starts, so that the developer's current context stays what it is.
 *
 * @returns the file's path
 */
export function keepAccessApart(names: ClusterNames): string {
  const file = join(folderOf(names), 'kubeconfig');
  process.env.KUBECONFIG = file;
  return file;
}
