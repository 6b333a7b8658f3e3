import { rename, rm, writeFile } from 'node:fs/promises';
import type { Preview } from '@darkroom/client/source';
import { UsageError } from './failure.ts';

/** The newest preview as a file, which is replaced at once and so can be read at any time. */
export type PreviewFile = {
  /** One that comes while another is written is passed over. */
  write(preview: Preview): void;
  /** Resolves when nothing is being written, with what has gone wrong. */
  written(): Promise<Error | undefined>;
};

/** @throws UsageError where the name is not one of a JPEG file */
export function createPreviewFile(path: string): PreviewFile {
  if (!/\.jpe?g$/i.test(path)) throw new UsageError('--preview must name a file that ends in .jpg');
  const draft = `${path}.${process.pid}.part`;
  let writing: Promise<void> | undefined;
  let failure: Error | undefined;

  async function replace({ url }: Preview): Promise<void> {
    try {
      await writeFile(draft, Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
      await rename(draft, path);
    } catch (error) {
      failure = error as Error;
      await rm(draft, { force: true });
    }
  }

  return {
    write(preview) {
      if (failure !== undefined) return;
      writing ??= replace(preview).finally(() => {
        writing = undefined;
      });
    },
    async written() {
      await writing;
      return failure;
    },
  };
}
