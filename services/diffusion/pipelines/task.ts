import { ModelError } from '../model-error.ts';
import type { PictureRequest, Task } from './pipeline.ts';

export function taskOf({ initImage, mask }: PictureRequest): Task {
  if (mask !== undefined) return 'inpainting';
  return initImage === undefined ? 'text-to-image' : 'image-to-image';
}

/**
 * @param isInpainting whether the model takes picture and mask as channels, and nothing else
 * @throws ModelError where picture, mask and model do not go together
 */
export function checkTask(request: PictureRequest, isInpainting: boolean): void {
  const { initImage, mask, width, height } = request;
  const refusal = (why: string, remedy: string) =>
    new ModelError('The picture cannot be made', why, remedy);
  if (isInpainting && mask === undefined) {
    throw refusal('the model is one for inpainting', 'Give it a picture (initImage) and a mask');
  }
  if (mask !== undefined && initImage === undefined) {
    throw refusal('there is a mask and no picture', 'Give the picture (initImage) that it is for');
  }
  for (const [name, values, channels] of [
    ['initImage', initImage, 3],
    ['mask', mask, 1],
  ] as const) {
    if (values === undefined || values.length === channels * width * height) continue;
    throw refusal(
      `${name} has ${values.length} values, where ${channels}×${height}×${width} are expected`,
      'Bring it to the size of the picture that is asked for',
    );
  }
}
