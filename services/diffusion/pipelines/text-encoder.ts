import { inputsByName, type Network, type TensorMetadata } from '../onnx/network.ts';
import type { Tensor } from '../onnx/runtime.ts';
import { createTensor, readFloats } from '../onnx/tensors.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import type { ConditioningInput } from './conditioning.ts';

/** Prompts to the network's outputs, in the order in which those were asked for. */
export type TextEncoder = (prompts: readonly string[]) => Promise<ConditioningInput[]>;

/** @throws ModelError where the network is no text encoder */
export function createTextEncoder(
  tokenizer: ClipTokenizer,
  network: Network,
  outputs: readonly TensorMetadata[],
): TextEncoder {
  const { input_ids } = inputsByName(network, ['input_ids']);
  const names = outputs.map(({ name }) => name);
  return async (prompts) => {
    const ids = prompts.flatMap((prompt) => tokenizer.encode(prompt));
    const dims = [prompts.length, tokenizer.maxLength];
    const feeds = { input_ids: createTensor(input_ids, dims, ids) };
    const given = await network.session.run(feeds, names);
    return names.map((name) => {
      const tensor = given[name] as Tensor;
      return { values: readFloats(tensor), dims: tensor.dims };
    });
  };
}
