import { fileURLToPath } from 'node:url';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The model that comes with Darkroom, and the catalogue that names it alone. */
export const pinhole = {
  name: 'pinhole',
  /** In the Hugging Face ONNX layout. */
  folder: path('model'),
  /** A catalogue file. */
  catalogue: path('models.json'),
} as const;
