import { runtimeFolder } from '@darkroom/diffusion';
import { expect, test } from 'vitest';
import { childEnvironment } from './environment.ts';

test('passes what the runtime needs and nothing else', () => {
  const passed = {
    PATH: '/bin',
    HOME: '/srv/worker',
    TZ: 'UTC',
    NODE_COMPILE_CACHE: '/tmp/node',
    LD_LIBRARY_PATH: '/usr/local/cuda/lib64',
    CUDA_VISIBLE_DEVICES: '0',
    NVIDIA_VISIBLE_DEVICES: 'all',
    ORT_DISABLE_ALL: '1',
    OMP_NUM_THREADS: '2',
  };
  const kept = {
    AMQP_URL: 'amqp://user:secret@broker',
    DATABASE_URL: 'postgres://user:secret@database/darkroom',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ACCESS_KEY_ID: 'id',
    NODE_OPTIONS: '--inspect',
    MY_CUDA_TOKEN: 'secret',
    PATH_TO_SECRET: 'secret',
  };
  const ours = { MALLOC_MMAP_THRESHOLD_: '1048576' };
  expect(childEnvironment({ ...passed, ...kept })).toEqual({
    ...ours,
    ...passed,
    LD_LIBRARY_PATH: `/usr/local/cuda/lib64:${runtimeFolder}`,
  });
  expect(childEnvironment({})).toEqual({ ...ours, LD_LIBRARY_PATH: runtimeFolder });
  const set = { MALLOC_MMAP_THRESHOLD_: '4096' };
  expect(childEnvironment(set)).toMatchObject(set);
});
