import { attribute, dataType, node, tensor } from './onnx-messages.ts';
import { fieldsOf, varint } from './protobuf.ts';

/** A node of an ONNX graph. */
export type GraphNode = {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** By name, as protobuf. */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  /** The whole node, as protobuf. */
  readonly bytes: Uint8Array;
};

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** @throws RangeError where the bytes are no protobuf message */
export function readNode(bytes: Uint8Array): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Uint8Array>();
  let [opType, domain] = ['', ''];
  for (const { number, start, end } of fieldsOf(bytes)) {
    const value = bytes.subarray(start, end);
    if (number === node.input) inputs.push(text(value));
    else if (number === node.output) outputs.push(text(value));
    else if (number === node.opType) opType = text(value);
    else if (number === node.domain) domain = text(value);
    else if (number === node.attribute) attributes.set(attributeName(value), value);
  }
  return { opType, domain, inputs, outputs, attributes, bytes };
}

function attributeName(bytes: Uint8Array): string {
  const name = [...fieldsOf(bytes)].find(({ number }) => number === attribute.name);
  return name === undefined ? '' : text(bytes.subarray(name.start, name.end));
}

/** Of a list of whole numbers, packed or one a field; empty where there is no such list. */
export function intsOf(bytes: Uint8Array | undefined): number[] {
  return bytes === undefined ? [] : numbersOf(bytes, attribute.ints);
}

/** Whether a node holds graphs of its own, in a branch or a loop. */
export const hasGraph = ({ attributes }: GraphNode): boolean =>
  [...attributes.values()].some((bytes) =>
    [...fieldsOf(bytes)].some(
      ({ number }) => number === attribute.g || number === attribute.graphs,
    ),
  );

/** The tensor that a `Constant` gives, as protobuf. */
export function constantOf({ opType, attributes }: GraphNode): Uint8Array | undefined {
  const value = opType === 'Constant' ? attributes.get('value') : undefined;
  if (value === undefined) return undefined;
  const field = [...fieldsOf(value)].find(({ number }) => number === attribute.t);
  return field && value.subarray(field.start, field.end);
}

const SMALL_BYTES = 256;

/** The values of a small tensor of int64 or float32; undefined for others. */
export function smallValues(bytes: Uint8Array): number[] | undefined {
  if (bytes.length > SMALL_BYTES) return undefined;
  const fields = [...fieldsOf(bytes)];
  const type = fields.find(({ number }) => number === tensor.dataType)?.value;
  const raw = fields.find(({ number }) => number === tensor.rawData);
  if (type === dataType.int64) {
    if (raw === undefined) return numbersOf(bytes, tensor.int64Data);
    const values = new BigInt64Array(copyOf(bytes, raw));
    return Array.from(values, Number);
  }
  if (type === dataType.float && raw !== undefined)
    return [...new Float32Array(copyOf(bytes, raw))];
  return undefined;
}

/** Aligned to its own start. */
const copyOf = (bytes: Uint8Array, { start, end }: { start: number; end: number }): ArrayBuffer =>
  new Uint8Array(bytes.subarray(start, end)).buffer;

function numbersOf(bytes: Uint8Array, wanted: number): number[] {
  const values: number[] = [];
  for (const { number, wire, start, end, value } of fieldsOf(bytes)) {
    if (number !== wanted) continue;
    if (wire === 0) values.push(value);
    else values.push(...packed(bytes.subarray(start, end)));
  }
  return values;
}

function* packed(bytes: Uint8Array): Generator<number> {
  let value = 0;
  let shift = 0;
  for (const byte of bytes) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte >= 0x80) continue;
    yield value;
    [value, shift] = [0, 0];
  }
}

/** A field of bytes or text. */
export function lengthDelimited(number: number, value: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** A field of a whole number. */
export const wholeNumber = (number: number, value: number): Uint8Array =>
  Buffer.concat([varint(number * 8), varint(value)]);
