import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { ModelError } from '../model-error.ts';
import { dataType, graph, model, stringPair, tensor } from './onnx-messages.ts';
import { type Field, fieldAt, fieldsOf, LONGEST_HEAD } from './protobuf.ts';

/** Read at once; most fields of a graph are smaller than this. */
const WINDOW_BYTES = 64 * 1024;

/** A tensor's description is small; its values are not, and are not read. */
const LONGEST_DESCRIPTION = 4096;

/** What protobuf, and with it the runtime, can hold in one file. */
const LARGEST_FILE = 2 ** 31 - 1;

/** Weights in a file beside the graph. */
export type ExternalData = { location: string; offset: number; length: number };

/**
 * Walks an ONNX file, which has no length of its own but whose fields have theirs, and sees that it
 * ends where they end, and that the files with weights beside it (external data) are there and long
 * enough. Reads the graph, not the weights.
 *
 * @returns those files, by their path from the folder of `path`
 * @throws ModelError naming the file that is cut short, missing or of another kind
 */
export async function checkOnnxFile(path: string): Promise<string[]> {
  return (await describeOnnxFile(path)).dataFiles;
}

/** What a network is made of, in bytes. */
export type NetworkFacts = {
  /** Of all weights. */
  weights: number;
  /** Of those that are float16. */
  float16: number;
  /** Of the graph's own file. */
  inFile: number;
  /** Those with weights beside the graph, from its folder. */
  dataFiles: string[];
};

/** As `checkOnnxFile`, with what the network's own descriptions say of its weights. */
export async function describeOnnxFile(path: string): Promise<NetworkFacts> {
  const facts = { weights: 0, float16: 0 };
  await using file = await open(path);
  const { size } = await file.stat();
  if (size > LARGEST_FILE) {
    throw unusable(
      path,
      `it has ${size} bytes, more than the ${LARGEST_FILE} that one file can hold`,
      'Export the model with its weights beside the graph (external data)',
    );
  }
  const reader = windowed(file);
  const needed = new Map<string, number>();
  for await (const field of walk(reader, path, 0, size)) {
    if (field.number !== model.graph || field.wire !== 2) continue;
    for await (const part of walk(reader, path, field.start, field.end)) {
      if (part.number !== graph.initializer || part.wire !== 2) continue;
      const { external, type, bytes } = await readTensor(reader, path, part);
      facts.weights += bytes;
      if (type === dataType.float16) facts.float16 += bytes;
      if (external === undefined) continue;
      const end = external.offset + external.length;
      needed.set(external.location, Math.max(needed.get(external.location) ?? 0, end));
    }
  }
  for (const [location, bytes] of needed) await checkDataFile(path, location, bytes);
  return { ...facts, inFile: size, dataFiles: [...needed.keys()] };
}

async function checkDataFile(path: string, location: string, bytes: number): Promise<void> {
  if (location === '' || isAbsolute(location) || normalize(location).startsWith('..')) {
    const remedy = 'Export the model again, with its weights in the folder of the graph';
    throw unusable(path, `its weights lie in "${location}", outside of its folder`, remedy);
  }
  const data = join(dirname(path), location);
  const found = await stat(data).catch(() => undefined);
  if (found?.isFile() === true && found.size >= bytes) return;
  throw unusable(
    data,
    found === undefined
      ? `it is missing, and ${path} has its weights there`
      : `it is cut short: ${found.size} bytes of the ${bytes} that ${path} needs`,
  );
}

type Reader = (position: number, length: number) => Promise<Uint8Array>;

/** Reads ahead, so that a thousand small fields take a few reads. */
function windowed(file: FileHandle): Reader {
  let window = new Uint8Array(0);
  let from = 0;
  return async (position, length) => {
    const isInside = position >= from && position + length <= from + window.length;
    if (!isInside) {
      const size = Math.max(WINDOW_BYTES, length);
      const { buffer, bytesRead } = await file.read(new Uint8Array(size), 0, size, position);
      window = buffer.subarray(0, bytesRead);
      from = position;
    }
    return window.subarray(position - from, position - from + length);
  };
}

async function* walk(
  read: Reader,
  path: string,
  start: number,
  end: number,
): AsyncGenerator<Field> {
  for (let at = start; at < end; ) {
    const head = fieldAt(await read(at, Math.min(LONGEST_HEAD, end - at)), 0);
    if (head === undefined) throw unusable(path, 'it is not an ONNX file');
    const field = { ...head, start: at + head.start, end: at + head.end };
    if (field.end > end) {
      throw unusable(path, `it is cut short: ${end} bytes of at least ${field.end}`);
    }
    yield field;
    at = field.end;
  }
}

type TensorFacts = { external: ExternalData | undefined; type: number; bytes: number };

/** A tensor's values, wherever they are, take no fewer bytes in memory than written. */
async function readTensor(read: Reader, path: string, { start, end }: Field): Promise<TensorFacts> {
  const entries: Record<string, string> = {};
  const facts = { type: 0, bytes: end - start };
  for await (const field of walk(read, path, start, end)) {
    if (field.number === tensor.dataType) facts.type = field.value;
    if (field.number !== tensor.externalData || field.wire !== 2) continue;
    const length = field.end - field.start;
    if (length > LONGEST_DESCRIPTION) throw unusable(path, 'it is not an ONNX file');
    const pair = await read(field.start, length);
    try {
      Object.assign(entries, stringPairOf(pair));
    } catch {
      throw unusable(path, 'it is damaged: it does not say where its weights are');
    }
  }
  if (entries.location === undefined) return { ...facts, external: undefined };
  const length = Number(entries.length ?? 0);
  const external = { location: entries.location, offset: Number(entries.offset ?? 0), length };
  return { ...facts, external, bytes: length };
}

/** `{ [key]: value }` of a StringStringEntryProto. */
export function stringPairOf(bytes: Uint8Array): Record<string, string> {
  const text = { key: '', value: '' };
  for (const { number, start, end } of fieldsOf(bytes)) {
    const value = Buffer.from(bytes.subarray(start, end)).toString();
    if (number === stringPair.key) text.key = value;
    if (number === stringPair.value) text.value = value;
  }
  return { [text.key]: text.value };
}

const unusable = (path: string, why: string, remedy = 'Write the model folder again in whole') =>
  new ModelError(`The model file ${path} cannot be used`, why, remedy);
