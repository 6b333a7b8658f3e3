import {
  type ModelFolder,
  modelFolder,
  type Requirement,
  requireFiles,
} from '../model-folder/model-folder.ts';
import { type ModelIndex, modelIndex } from '../model-folder/model-index.ts';
import { tokenizerFiles } from '../tokenizer/clip-tokenizer.ts';
import type { Family } from './family.ts';
import { familyOf } from './registry.ts';

/** A model folder that has every file that its family needs. */
export type OpenModel = { folder: ModelFolder; index: ModelIndex; family: Family };

const INDEX = 'model_index.json';

/** @throws ModelError naming every file that is missing or empty, or the family that is unknown */
export async function openModel(path: string): Promise<OpenModel> {
  const folder = modelFolder(path);
  await requireFiles(folder, [[[INDEX]]]);
  const index = await folder.readJson(INDEX, modelIndex);
  const family = familyOf(index._class_name, `${path}/${INDEX}`);
  // diffusers' own exporter, of the first years, wrote the networks without their configurations.
  const isBare = index._class_name.includes('Onnx');
  await requireFiles(folder, requirementsOf(family, isBare));
  return { folder, index, family };
}

/** Folders whose content makes the model; anything else beside them (a README) does not count. */
export function modelParts({ textEncoders }: Family): string[] {
  const text = textEncoders.flatMap(({ tokenizer, encoder }) => [tokenizer, encoder]);
  return ['scheduler', ...text, 'unet', 'vae', 'vae_decoder', 'vae_encoder'];
}

function requirementsOf({ textEncoders }: Family, isBare: boolean): Requirement[] {
  const text = textEncoders.flatMap(({ tokenizer, encoder }) => {
    const { fast, vocab, merges } = tokenizerFiles(tokenizer);
    return [
      [[`${tokenizer}/tokenizer_config.json`]],
      [[fast], [vocab, merges]],
      [[`${encoder}/model.onnx`]],
    ];
  });
  const networks = [[['unet/model.onnx']], [['vae_decoder/model.onnx']]];
  const configs = [
    ...textEncoders.map(({ encoder }) => [[`${encoder}/config.json`]]),
    [['unet/config.json']],
    [['vae_decoder/config.json'], ['vae/config.json']],
  ];
  return [[['scheduler/scheduler_config.json']], ...text, ...networks, ...(isBare ? [] : configs)];
}
