import { createLogger } from '@darkroom/lifecycle';

/** A logger that nobody reads. */
export const quietLogger = createLogger({ name: 'gpu-simulator', level: 'silent' });
