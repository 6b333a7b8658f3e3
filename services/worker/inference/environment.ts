import { runtimeFolder } from '@darkroom/diffusion';

/**
 * What the inference child may know of its parent's environment: where programs, libraries and
 * compiled code are, the time zone, and how the GPU and the runtime are set up. Everything else, credentials above
 * all, stays behind; so the list says what passes, never what does not.
 */
const passed = [
  /^(PATH|HOME|TMPDIR|TZ|LANG|LC_ALL|NODE_COMPILE_CACHE)$/,
  /^LD_LIBRARY_PATH$/,
  /^(ORT|ONNXRUNTIME|CUDA|CUDNN|NVIDIA|OMP)_[A-Z0-9_]+$/,
  /^VK_ICD_FILENAMES$/,
  /^MALLOC_[A-Z_]+$/,
];

/**
 * The child's environment. Its loader also looks beside the runtime, where `darkroom gpu install` puts the
 * CUDA libraries: the provider's own library names no folder for them.
 */
export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const seen = Object.entries(environment).filter(([name]) =>
    passed.some((pattern) => pattern.test(name)),
  );
  const folders = [environment['LD_LIBRARY_PATH'], runtimeFolder];
  const libraries = folders.filter((folder) => folder !== undefined && folder !== '');
  return { ...malloc, ...Object.fromEntries(seen), LD_LIBRARY_PATH: libraries.join(':') };
}

/**
 * glibc's malloc keeps what the loading of a model frees, and gives little of it back when the model is
 * released: of a network with 328 MB of weights 570 MB stayed while it was loaded and 18 to 514 MB after,
 * where now it is 332 MB and 18 MB. From this size on each block is a mapping of its own, which ends when
 * it is freed. (A threshold that is set no longer grows.)
 */
const malloc = { MALLOC_MMAP_THRESHOLD_: String(2 ** 20) };
