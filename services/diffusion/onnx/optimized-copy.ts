import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { engineVersions } from '../versions.ts';
import type { InferenceSession } from './runtime.ts';

/** Where networks are kept as the runtime's optimizer leaves them, and what names them. */
export type OptimizedCopies = {
  /** Of this model alone; made when it is needed. */
  folder: string;
  /** Hexadecimal, over the files of a network, by its folder in the model; see `networkDigests`. */
  digests: ReadonlyMap<string, string>;
  /** Runs a task while no other process writes into `folder`. */
  exclusively: <T>(task: () => Promise<T>) => Promise<T>;
  /** Told what became of a copy, for a log. */
  onCopy?: (what: 'made' | 'not-made', part: string, why?: string) => void;
};

type Settings = InferenceSession.SessionOptions;
type Create = (model: string | undefined, settings: Settings) => Promise<InferenceSession>;

const MODEL = 'model.onnx';
const DATA = 'model.onnx.data';
const RECORD = 'copy.json';
/** Smaller tensors stay in the graph. */
const SMALLEST_DATA_BYTES = '1024';
/** Of a network with a copy; larger ones are not measured. */
const LARGEST_BYTES = 4 * 2 ** 30;

const record = z.object({
  files: z.array(z.object({ path: z.string(), bytes: z.int(), crc32: z.int() })),
});

/**
 * A session of the optimised copy of a network, which is made of the network where there is none, or one
 * that is damaged. A copy holds for one network, engine, runtime, list of providers and kind of
 * processor; a new one takes the place of the one before. Where none can be written, the network is
 * loaded without.
 *
 * @param create makes the session: of this file, or, where undefined, of the network itself
 */
export async function loadOptimized(
  copies: OptimizedCopies,
  part: string,
  executionProviders: readonly string[],
  create: Create,
): Promise<InferenceSession> {
  const digest = copies.digests.get(part);
  // Elsewhere nobody has seen yet that the copy gives the same bytes.
  const isKnown = executionProviders.every((provider) => provider === 'cpu');
  if (digest === undefined || !isKnown) return await create(undefined, {});
  const name = `${part}.${keyOf(digest, executionProviders)}`;
  const folder = join(copies.folder, name);
  const load = async () => {
    if (!(await isWhole(folder))) return undefined;
    // It is optimised already; once more would be time spent on nothing.
    const settings: Settings = { graphOptimizationLevel: 'disabled' };
    return await create(join(folder, MODEL), settings).catch(() => undefined);
  };
  const there = await load();
  if (there !== undefined) return there;
  try {
    await mkdir(copies.folder, { recursive: true });
    return await copies.exclusively(
      async () => (await load()) ?? (await write(copies, part, name, create)),
    );
  } catch (error) {
    // A folder that cannot be written, a full disk. What is wrong with the network, this tells.
    copies.onCopy?.('not-made', part, error instanceof Error ? error.message : String(error));
    return await create(undefined, {});
  }
}

/** The session that wrote the copy has the same graph as one that reads it. */
async function write(
  { folder, onCopy }: OptimizedCopies,
  part: string,
  name: string,
  create: Create,
): Promise<InferenceSession> {
  for (const entry of await readdir(folder)) {
    // Of another key, or what a process that ended amid its writing has left.
    if (entry.startsWith(`${part}.`)) await rm(join(folder, entry), { recursive: true });
  }
  const draft = join(folder, `${name}.${randomUUID()}`);
  await mkdir(draft);
  try {
    const session = await create(undefined, {
      optimizedModelFilePath: join(draft, MODEL),
      extra: {
        session: {
          optimized_model_external_initializers_file_name: DATA,
          optimized_model_external_initializers_min_size_in_bytes: SMALLEST_DATA_BYTES,
        },
      },
    });
    try {
      const files = await Promise.all((await readdir(draft)).sort().map((p) => describe(draft, p)));
      await writeFile(join(draft, RECORD), JSON.stringify({ files }));
      await rename(draft, join(folder, name));
      onCopy?.('made', part);
    } catch (error) {
      await session.release();
      throw error;
    }
    return session;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** The copy is there, and every byte of it is as it was written. */
async function isWhole(folder: string): Promise<boolean> {
  try {
    const { files } = record.parse(JSON.parse(await readFile(join(folder, RECORD), 'utf8')));
    for (const file of files) {
      // A file that was cut short need not be read.
      if ((await stat(join(folder, file.path))).size !== file.bytes) return false;
      if ((await describe(folder, file.path)).crc32 !== file.crc32) return false;
    }
    return files.some(({ path }) => path === MODEL);
  } catch {
    return false;
  }
}

/** CRC-32 finds damage at three times the speed of SHA-256; who could forge may write here anyway. */
async function describe(folder: string, path: string) {
  let bytes = 0;
  let sum = 0;
  for await (const chunk of createReadStream(join(folder, path), { highWaterMark: 1 << 20 })) {
    sum = crc32(chunk, sum);
    bytes += chunk.length;
  }
  return { path, bytes, crc32: sum };
}

function keyOf(digest: string, executionProviders: readonly string[]): string {
  const { engine, onnxruntime } = engineVersions;
  const makers = [digest, engine, onnxruntime, 'all', executionProviders, processor()];
  return createHash('sha256').update(JSON.stringify(makers)).digest('hex').slice(0, 16);
}

/** The optimizer lays weights out as the processor's vector units want them. */
function processor(): string {
  try {
    const flags = /^(flags|Features)\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0];
    if (flags !== undefined) return `${arch()} ${flags}`;
  } catch {
    // Not Linux.
  }
  return `${arch()} ${cpus()[0]?.model}`;
}

/**
 * Over path, size and digest of each file below a network's folder, by that folder. Networks larger than
 * 4 GiB are left out.
 */
export function networkDigests(
  files: readonly { path: string; size: number; sha256: string }[],
): Map<string, string> {
  const byPart = Map.groupBy(files, ({ path }) => path.split('/')[0] ?? '');
  const digests = new Map<string, string>();
  for (const [part, own] of byPart) {
    if (own.reduce((sum, { size }) => sum + size, 0) > LARGEST_BYTES) continue;
    const lines = own.map(({ path, size, sha256 }) => `${path}\0${size}\0${sha256}\n`);
    digests.set(part, createHash('sha256').update(lines.join('')).digest('hex'));
  }
  return digests;
}
