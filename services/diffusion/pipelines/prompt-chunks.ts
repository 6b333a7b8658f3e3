import { ModelError } from '../model-error.ts';
import { axisOf, type Network } from '../onnx/network.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import type { PictureRequest } from './pipeline.ts';

/** The most chunks of a prompt that are used: each makes the UNet's attention to the text longer. */
const MOST_CHUNKS = 8;

/** Chunks that a request's prompts may take. */
export const mostChunks = ({ longPrompt }: Pick<PictureRequest, 'longPrompt'>): number =>
  longPrompt === 'chunks' ? MOST_CHUNKS : 1;

/**
 * Chunks that all prompts of a picture are encoded in: as many as the longest takes, for they are
 * samples of the same call.
 *
 * @throws ModelError where there are several and the UNet was exported for one
 */
export function chunksOf(
  request: Pick<PictureRequest, 'longPrompt'>,
  prompts: readonly string[],
  { tokenizers, unet }: { tokenizers: readonly ClipTokenizer[]; unet: Network },
): number {
  const most = mostChunks(request);
  if (most === 1) return 1;
  const counts = tokenizers.flatMap(({ chunks }) => prompts.map(chunks));
  const chunks = Math.min(most, Math.max(...counts));
  const input = unet.session.inputMetadata.find(({ name }) => name === 'encoder_hidden_states');
  const fixed = input?.isTensor === true ? axisOf(input, 1) : undefined;
  if (chunks === 1 || fixed === undefined) return chunks;
  throw new ModelError(
    `${unet.file} cannot take this prompt`,
    `it was exported for ${fixed} tokens a prompt, and ${chunks} chunks of them are needed`,
    'Shorten the prompt, ask for longPrompt truncate, or export the UNet with a dynamic sequence_length',
  );
}
