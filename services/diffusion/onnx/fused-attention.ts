import {
  constantOf,
  type GraphNode,
  hasGraph,
  intsOf,
  lengthDelimited,
  readNode,
  smallValues,
  wholeNumber,
} from './graph-node.ts';
import { attribute, graph, model, node, opset, tensor } from './onnx-messages.ts';
import { fieldsOf } from './protobuf.ts';

/** Where onnxruntime's own operators are, `MultiHeadAttention` among them. */
const RUNTIME_DOMAIN = 'com.microsoft';
const INT_ATTRIBUTE = 2;
const HEADS_LAST = '0,2,1,3';
const KEYS_TURNED = '0,2,3,1';

/** Whether graphs are rewritten for these providers: only on the CPU has it been measured. */
export const fusesAttention = (executionProviders: readonly string[]): boolean =>
  executionProviders[0] === 'cpu';

/**
 * An ONNX graph in which each attention that PyTorch's exporter wrote of
 * `scaled_dot_product_attention`, without a mask, is one node. The exported graph computes it in a dozen,
 * and holds every head's whole matrix of weights; the runtime's `MultiHeadAttention` goes over it in blocks
 * (Dao et al., FlashAttention, arXiv:2205.14135). The runtime's own optimizer does not know this pattern.
 *
 * @param bytes the file; its weights may be beside it
 * @returns undefined where there is no such attention
 * @throws RangeError where the file is not ONNX
 */
export function fusedAttention(bytes: Uint8Array): Uint8Array | undefined {
  const pieces: Uint8Array[] = [];
  const domains: string[] = [];
  let isFused = false;
  let at = 0;
  for (const field of fieldsOf(bytes)) {
    const value = bytes.subarray(field.start, field.end);
    const fused = field.number === model.graph ? fuseGraph(value) : undefined;
    if (field.number === model.opsetImport) domains.push(firstText(value));
    if (fused !== undefined) isFused = true;
    pieces.push(
      fused === undefined ? bytes.subarray(at, field.end) : lengthDelimited(model.graph, fused),
    );
    at = field.end;
  }
  if (!isFused) return undefined;
  if (!domains.includes(RUNTIME_DOMAIN)) {
    const entry = [lengthDelimited(opset.domain, RUNTIME_DOMAIN), wholeNumber(opset.version, 1)];
    pieces.push(lengthDelimited(model.opsetImport, Buffer.concat(entry)));
  }
  return Buffer.concat(pieces);
}

/** An import's domain, or a value's name: both are field 1. */
function firstText(bytes: Uint8Array): string {
  const field = [...fieldsOf(bytes)].find(({ number }) => number === 1);
  return field === undefined ? '' : Buffer.from(bytes.subarray(field.start, field.end)).toString();
}

function fuseGraph(bytes: Uint8Array): Uint8Array | undefined {
  const fields = [...fieldsOf(bytes)];
  const bytesOf = ({ start, end }: { start: number; end: number }) => bytes.subarray(start, end);
  const nodes = fields
    .filter(({ number }) => number === graph.node)
    .map((f) => readNode(bytesOf(f)));
  // A branch or a loop may use any tensor of the graph around it.
  if (nodes.some(hasGraph)) return undefined;

  const producers = new Map(nodes.flatMap((each) => each.outputs.map((name) => [name, each])));
  const weights = new Map(
    fields
      .filter(({ number }) => number === graph.initializer)
      .map((field) => [tensorName(bytesOf(field)), bytesOf(field)]),
  );
  const constant = (name: string | undefined) => {
    const constants = producers.get(name ?? '');
    const found = constants === undefined ? weights.get(name ?? '') : constantOf(constants);
    return found && smallValues(found);
  };
  const consumers = Map.groupBy(
    nodes.flatMap((each) => each.inputs.map((name) => ({ name, each }))),
    ({ name }) => name,
  );
  const onlyUse = (name: string | undefined): GraphNode | undefined => {
    const uses = consumers.get(name ?? '') ?? [];
    return uses.length === 1 ? uses[0]?.each : undefined;
  };
  const fused = new Map<GraphNode, GraphNode>();
  for (const softmax of nodes.filter(({ opType }) => opType === 'Softmax')) {
    const found = attentionAround(softmax, { producers, onlyUse, constant });
    if (found !== undefined) fused.set(found.last, multiHeadAttention(found));
  }
  if (fused.size === 0) return undefined;

  const outputs = fields.filter(({ number }) => number === graph.output);
  const kept = withoutUnused(
    nodes.map((each) => fused.get(each) ?? each),
    outputs.map((field) => firstText(bytesOf(field))),
  );
  const others = fields.filter(({ number }) => number !== graph.node && number !== graph.valueInfo);
  return Buffer.concat([
    ...kept.map((each) => lengthDelimited(graph.node, each.bytes)),
    ...others.map((field) => lengthDelimited(field.number, bytesOf(field))),
  ]);
}

type Attention = {
  /** [batch, tokens, heads · width] each. */
  query: string;
  key: string;
  value: string;
  heads: number;
  /** The node whose output is the attention's. */
  last: GraphNode;
};

type Surroundings = {
  /** By what they give. */
  producers: ReadonlyMap<string, GraphNode>;
  /** The node that uses a tensor, where one alone does. */
  onlyUse: (name: string | undefined) => GraphNode | undefined;
  /** The values of a small tensor that is always the same. */
  constant: (name: string | undefined) => number[] | undefined;
};

/** Softmax(√s·q · √s·kᵀ) · v with s = 1/√width, the heads split off before and joined after. */
function attentionAround(
  softmax: GraphNode,
  { producers, onlyUse, constant }: Surroundings,
): Attention | undefined {
  const producer = (each: GraphNode | undefined, input: number, ...opTypes: string[]) => {
    const found = producers.get(each?.inputs[input] ?? '');
    return found !== undefined && opTypes.includes(found.opType) ? found : undefined;
  };
  /** Past casts, which are there for float16. */
  const past = (each: GraphNode | undefined, input: number, opType: string) => {
    let found = producer(each, input, opType, 'Cast');
    while (found?.opType === 'Cast') found = producer(found, 0, opType, 'Cast');
    return found;
  };
  const isRootOfScale = (scaled: GraphNode | undefined) => {
    const division = past(producer(scaled, 1, 'Sqrt'), 0, 'Div');
    const width = past(past(division, 1, 'Sqrt'), 0, 'Slice');
    const isOfShape = producer(width, 0, 'Shape', 'Gather') !== undefined;
    return isOfShape && `${constant(division?.inputs[0])}` === '1';
  };
  /** The tensor whose heads are split off, and how many. */
  const split = (transposed: GraphNode | undefined, perm: string) => {
    const reshaped = producer(transposed, 0, 'Reshape');
    const heads = constant(producer(reshaped, 1, 'Concat')?.inputs[2]);
    const isSplit = `${intsOf(transposed?.attributes.get('perm'))}` === perm;
    if (!isSplit || heads?.length !== 1) return undefined;
    return { tensor: reshaped!.inputs[0]!, heads: heads[0]! };
  };

  const product = producer(softmax, 0, 'MatMul');
  const [scaledQuery, scaledKey] = [producer(product, 0, 'Mul'), producer(product, 1, 'Mul')];
  if (!isRootOfScale(scaledQuery) || !isRootOfScale(scaledKey)) return undefined;
  const query = split(producer(scaledQuery, 0, 'Transpose'), HEADS_LAST);
  const key = split(producer(scaledKey, 0, 'Transpose'), KEYS_TURNED);

  const weighted = onlyUse(softmax.outputs[0]);
  const value = split(producer(weighted, 1, 'Transpose'), HEADS_LAST);
  const joined = onlyUse(weighted?.outputs[0]);
  const last = onlyUse(joined?.outputs[0]);
  const isJoined =
    weighted?.opType === 'MatMul' &&
    joined?.opType === 'Transpose' &&
    `${intsOf(joined.attributes.get('perm'))}` === HEADS_LAST &&
    last?.opType === 'Reshape';
  if (!isJoined || query === undefined || query.heads !== key?.heads) return undefined;
  if (query.heads !== value?.heads) return undefined;
  const { heads } = query;
  return { query: query.tensor, key: key.tensor, value: value.tensor, heads, last };
}

function tensorName(bytes: Uint8Array): string {
  const field = [...fieldsOf(bytes)].find(({ number }) => number === tensor.name);
  return field === undefined ? '' : Buffer.from(bytes.subarray(field.start, field.end)).toString();
}

function multiHeadAttention({ query, key, value, heads, last }: Attention): GraphNode {
  const numHeads = [
    lengthDelimited(attribute.name, 'num_heads'),
    wholeNumber(attribute.i, heads),
    wholeNumber(attribute.type, INT_ATTRIBUTE),
  ];
  const fields = [
    ...[query, key, value].map((name) => lengthDelimited(node.input, name)),
    lengthDelimited(node.output, last.outputs[0]!),
    lengthDelimited(node.opType, 'MultiHeadAttention'),
    lengthDelimited(node.attribute, Buffer.concat(numHeads)),
    lengthDelimited(node.domain, RUNTIME_DOMAIN),
  ];
  return readNode(Buffer.concat(fields));
}

/** The nodes, in their order, that lead to an output. */
function withoutUnused(nodes: readonly GraphNode[], outputs: readonly string[]): GraphNode[] {
  const used = new Set(outputs);
  // In a graph, what a node uses stands before it.
  const kept = nodes.toReversed().filter((each) => {
    const isUsed = each.outputs.some((name) => used.has(name));
    if (isUsed) for (const name of each.inputs) used.add(name);
    return isUsed;
  });
  return kept.reverse();
}
