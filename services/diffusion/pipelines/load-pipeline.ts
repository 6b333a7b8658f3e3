import { openModelFolder } from '../model-folder/model-folder.ts';
import { loadSessions, releaseSessions, type SessionOptions } from '../onnx/sessions.ts';
import { loadClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import { readModelConfigs } from './model-configs.ts';
import { createStableDiffusion, type StableDiffusion } from './stable-diffusion.ts';

/**
 * Loads a folder in the Hugging Face ONNX layout, as Optimum exports a StableDiffusionPipeline.
 *
 * @throws ModelError where the folder is incomplete, damaged or not for these providers
 */
export async function loadPipeline(
  folder: string,
  options: SessionOptions,
): Promise<StableDiffusion> {
  const files = await openModelFolder(folder);
  const configs = await readModelConfigs(files);
  const tokenizer = await loadClipTokenizer(files, configs.maxPositions);
  const sessions = await loadSessions(folder, options);
  try {
    return createStableDiffusion(configs, tokenizer, sessions);
  } catch (error) {
    await releaseSessions(sessions);
    throw error;
  }
}
