import type { InferenceSession, Tensor } from '../onnx/runtime.ts';
import {
  createFloatTensor,
  createTensor,
  inputsByName,
  outputNamed,
  readFloats,
  type TensorMetadata,
} from '../onnx/tensors.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';

/** Prompts to what the UNet attends to: [prompts, tokens, width], of the UNet's own type. */
export type TextEmbedder = (prompts: readonly string[]) => Promise<Tensor>;

/** @param target the UNet's input that takes the embeddings */
export function createTextEmbedder(
  tokenizer: ClipTokenizer,
  session: InferenceSession,
  target: TensorMetadata,
): TextEmbedder {
  const { input_ids } = inputsByName('text encoder', session, ['input_ids']);
  const output = outputNamed(session, 'last_hidden_state');
  return async (prompts) => {
    const ids = prompts.flatMap((prompt) => tokenizer.encode(prompt));
    const dims = [prompts.length, tokenizer.maxLength];
    const feeds = { input_ids: createTensor(input_ids, dims, ids) };
    const states = (await session.run(feeds, [output.name]))[output.name] as Tensor;
    if (states.type === target.type) return states;
    const converted = createFloatTensor(target, states.dims);
    converted.values.set(readFloats(states));
    converted.push();
    return converted.tensor;
  };
}
