/// <reference lib="es2025.float16" />
import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringPairOf } from './onnx-file.ts';
import * as onnx from './onnx-messages.ts';
import { type Field, fieldsOf, varint } from './protobuf.ts';

/** Bytes in pieces, so that weights are copied once. */
type Pieces = Uint8Array[];
type Rewrite = (bytes: Uint8Array) => Promise<Pieces>;

/**
 * A float16 ONNX file as a float32 one, as PyTorch's `module.to(torch.float32)` would make it: the
 * same weights in the wider type, and every input, output and cast with them. Weights that lie beside
 * the graph come into it, so the result must stay below 2 GiB; a VAE's does.
 *
 * @returns undefined where nothing of it is float16
 * @throws RangeError where the file is not ONNX
 */
export async function float32Copy(path: string): Promise<Uint8Array | undefined> {
  const folder = dirname(path);
  let halves = 0;

  const rewriteModel: Rewrite = message({ [onnx.model.graph]: (bytes) => rewriteGraph(bytes) });
  const rewriteValue = message({
    [onnx.valueInfo.type]: message({
      [onnx.type.tensorType]: message({ [onnx.tensorType.elemType]: 'type' }),
    }),
  });
  const rewriteTensor: Rewrite = (bytes) => {
    return float32Tensor(bytes, folder, () => {
      halves += 1;
    });
  };
  const rewriteGraph: Rewrite = message({
    [onnx.graph.node]: message({ [onnx.node.attribute]: (bytes) => rewriteAttribute(bytes) }),
    [onnx.graph.initializer]: rewriteTensor,
    [onnx.graph.input]: rewriteValue,
    [onnx.graph.output]: rewriteValue,
    [onnx.graph.valueInfo]: rewriteValue,
  });
  const rewriteAttribute: Rewrite = async (bytes) => {
    const name = [...fieldsOf(bytes)].find(({ number }) => number === onnx.attribute.name);
    const text = name && Buffer.from(bytes.subarray(name.start, name.end)).toString();
    return message({
      [onnx.attribute.t]: rewriteTensor,
      [onnx.attribute.tensors]: rewriteTensor,
      [onnx.attribute.g]: rewriteGraph,
      [onnx.attribute.graphs]: rewriteGraph,
      // Operators name the type of what they give in these.
      ...((text === 'to' || text === 'dtype') && { [onnx.attribute.i]: 'type' as const }),
    })(bytes);
  };
  const pieces = await rewriteModel(await readFile(path));
  return halves === 0 ? undefined : Buffer.concat(pieces);
}

/** Fields of a message: rewritten as said, or kept; 'type' is a number of TensorProto.DataType. */
function message(fields: Record<number, Rewrite | 'type'>): Rewrite {
  return async (bytes) => {
    const pieces: Pieces = [];
    let kept = 0;
    let at = 0;
    for (const field of fieldsOf(bytes)) {
      const how = fields[field.number];
      const isMessage = typeof how === 'function' && field.wire === 2;
      if (isMessage || (how === 'type' && field.value === onnx.dataType.float16)) {
        pieces.push(bytes.subarray(kept, at));
        pieces.push(...(isMessage ? await rewritten(bytes, field, how) : floatType(field)));
        kept = field.end;
      }
      at = field.end;
    }
    pieces.push(bytes.subarray(kept));
    return pieces;
  };
}

async function rewritten(bytes: Uint8Array, field: Field, how: Rewrite): Promise<Pieces> {
  return withHead(field.number, await how(bytes.subarray(field.start, field.end)));
}

const floatType = ({ number }: Field): Pieces => [varint(number * 8), varint(onnx.dataType.float)];

function withHead(number: number, pieces: Pieces): Pieces {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + 2), varint(length), ...pieces];
}

/** Tensors of other types come back as they are, but for weights beside the graph. */
async function float32Tensor(
  bytes: Uint8Array,
  folder: string,
  onHalf: () => void,
): Promise<Pieces> {
  const { dataType, rawData, int32Data, externalData, dataLocation } = onnx.tensor;
  const kept: Pieces = [];
  const external: Record<string, string> = {};
  let type = 0;
  let raw: Uint8Array | undefined;
  let at = 0;
  for (const field of fieldsOf(bytes)) {
    const value = bytes.subarray(field.start, field.end);
    if (field.number === dataType) type = field.value;
    else if (field.number === rawData) raw = value;
    else if (field.number === externalData) Object.assign(external, stringPairOf(value));
    else if (field.number === int32Data && type === onnx.dataType.float16)
      raw = halvesOf(bytes, field, raw);
    else if (field.number !== dataLocation) kept.push(bytes.subarray(at, field.end));
    at = field.end;
  }
  if (external.location !== undefined) raw = await readExternal(folder, external);
  const isHalf = type === onnx.dataType.float16;
  if (isHalf) onHalf();
  kept.push(varint(dataType * 8), varint(isHalf ? onnx.dataType.float : type));
  if (raw !== undefined) kept.push(...withHead(rawData, [isHalf ? widened(raw) : raw]));
  return kept;
}

/** Bits of float16 values that stand as whole numbers, packed or one a field. */
function halvesOf(bytes: Uint8Array, field: Field, before?: Uint8Array): Uint8Array {
  const values: number[] = [];
  if (field.wire === 0) values.push(field.value);
  else {
    let value = 0;
    let shift = 0;
    for (const byte of bytes.subarray(field.start, field.end)) {
      value += (byte & 0x7f) * 2 ** shift;
      shift = byte < 0x80 ? 0 : shift + 7;
      if (byte < 0x80) {
        values.push(value);
        value = 0;
      }
    }
  }
  return Buffer.concat([
    before ?? new Uint8Array(0),
    new Uint8Array(Uint16Array.from(values).buffer),
  ]);
}

/** Little-endian, as is every machine that the runtime runs on. */
function widened(raw: Uint8Array): Uint8Array {
  // A Buffer's own `slice` would not copy.
  const halves = new Float16Array(new Uint8Array(raw).buffer);
  return new Uint8Array(Float32Array.from(halves).buffer);
}

async function readExternal(folder: string, entries: Record<string, string>): Promise<Uint8Array> {
  await using file = await open(join(folder, entries.location!));
  const offset = Number(entries.offset ?? 0);
  const length = Number(entries.length ?? (await file.stat()).size - offset);
  const { buffer } = await file.read(new Uint8Array(length), 0, length, offset);
  return buffer;
}
