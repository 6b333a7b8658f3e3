import { preview } from '@darkroom/contract';
import { type LatentRgb, latentPreview, type RunState } from '@darkroom/diffusion';
import { encodeJpeg } from '@darkroom/uploads';

/** Between two previews of a generation at least, in milliseconds. */
const INTERVAL_MS = 500;

/** Makes previews of what the model predicts for one generation, beside the engine and never in its way. */
export type Previews = {
  /**
   * Offers a step to be shown. Most are passed over: those that come too soon, and those that come
   * while the one before is still encoded.
   */
  offer(state: RunState, told: (url: string) => void): void;
  /** What is still encoded is told to nobody. */
  stop(): void;
};

/** @param size of the picture, in pixels */
export function createPreviews(
  map: LatentRgb,
  { width, height }: { width: number; height: number },
): Previews {
  let dueAt = Number.NEGATIVE_INFINITY;
  let isEncoding = false;
  let hasStopped = false;

  async function encode(latents: Float32Array, told: (url: string) => void): Promise<void> {
    const scale = Math.sqrt((width * height * map.factors.length) / latents.length);
    const size = { width: width / scale, height: height / scale };
    const jpeg = await encodeJpeg(latentPreview(latents, size, map));
    const url = `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`;
    if (!hasStopped && preview.shape.url.safeParse(url).success) told(url);
  }

  return {
    offer({ predicted }, told) {
      const now = performance.now();
      if (predicted === undefined || isEncoding || now < dueAt) return;
      dueAt = now + INTERVAL_MS;
      isEncoding = true;
      // A preview that cannot be made is missed by nobody.
      void encode(predicted, told)
        .catch(() => {})
        .finally(() => {
          isEncoding = false;
        });
    },
    stop() {
      hasStopped = true;
    },
  };
}
