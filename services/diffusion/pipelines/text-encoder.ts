import { inputsByName, type Network, type TensorMetadata } from '../onnx/network.ts';
import type { Tensor } from '../onnx/runtime.ts';
import { createTensor, readFloats } from '../onnx/tensors.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import type { ConditioningInput } from './conditioning.ts';

/**
 * Prompts to the network's outputs, in the order in which those were asked for. Of a prompt in several
 * chunks, an output with a row for each token has those of all chunks behind each other, and one with a
 * row for the whole text (pooled) has the first chunk's.
 */
export type TextEncoder = (
  prompts: readonly string[],
  chunks?: number,
) => Promise<ConditioningInput[]>;

/** @throws ModelError where the network is no text encoder */
export function createTextEncoder(
  tokenizer: ClipTokenizer,
  network: Network,
  outputs: readonly TensorMetadata[],
): TextEncoder {
  const { input_ids } = inputsByName(network, ['input_ids']);
  const names = outputs.map(({ name }) => name);
  return async (prompts, chunks = 1) => {
    const ids = prompts.flatMap((prompt) => tokenizer.encode(prompt, chunks));
    const dims = [prompts.length * chunks, tokenizer.maxLength];
    const feeds = { input_ids: createTensor(input_ids, dims, ids) };
    const given = await network.session.run(feeds, names);
    return names.map((name) => {
      const tensor = given[name] as Tensor;
      return joinChunks({ values: readFloats(tensor), dims: tensor.dims }, chunks);
    });
  };
}

/** [prompts · chunks, …] to [prompts, …]. */
function joinChunks({ values, dims }: ConditioningInput, chunks: number): ConditioningInput {
  const [rows, ...row] = dims as [number, ...number[]];
  const prompts = rows / chunks;
  if (chunks === 1) return { values, dims };
  const [tokens, width] = row;
  // The chunks of a prompt lie behind each other already.
  if (width !== undefined) return { values, dims: [prompts, chunks * tokens!, width] };
  const firsts = new Float32Array(prompts * tokens!);
  for (let i = 0; i < prompts; i++) {
    const at = i * chunks * tokens!;
    firsts.set(values.subarray(at, at + tokens!), i * tokens!);
  }
  return { values: firsts, dims: [prompts, tokens!] };
}
