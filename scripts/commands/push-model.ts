import { modelName } from '@darkroom/contract';
import { createS3Store } from '@darkroom/storage';
import { pushModel } from '@darkroom/worker';
import { readObjectStoreConfig } from './config.ts';
import { UsageError } from './failure.ts';
import type { Context } from './run-command.ts';

type PushOptions = { folder: string; name: string; prefix: string; json: boolean };

/** Puts a model's files and their manifest into the object store, for the workers' nodes to fetch. */
export async function push(options: PushOptions, context: Context): Promise<void> {
  const { name, prefix, json } = options;
  if (!modelName.safeParse(name).success) {
    throw new UsageError(
      `${JSON.stringify(name)} is no model's name: lower-case letters, digits and hyphens`,
    );
  }
  if (!prefix.endsWith('/')) throw new UsageError(`the prefix ${prefix} must end with /`);
  const objects = createS3Store(readObjectStoreConfig());
  try {
    const pushed = await pushModel({
      objects,
      folder: context.config.userPath(options.folder),
      name,
      prefix,
      onFile: ({ path, bytes }) => context.note(`${path} (${inMiB(bytes)})`),
      signal: context.signal,
    });
    if (json) return context.print(JSON.stringify(pushed, null, 2));
    const { files, kept, size, digest } = pushed;
    const there = kept === 0 ? '' : `, ${kept} of them there already`;
    context.print(`${name}: ${files} files${there}, ${inMiB(size)}, ${digest}`);
  } finally {
    await objects.close();
  }
}

const inMiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
