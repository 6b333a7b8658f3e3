import { existsSync } from 'node:fs';
import { installDebianPackages, isRootOnDebian } from '../../test-servers/index.ts';
import { frontendNames, workerNames } from '../cluster.ts';
import type { FaultKind } from './fault.ts';

const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((architecture) => `/usr/lib/${architecture}/faketime/libfaketime.so.1`)
  .concat('/usr/lib/faketime/libfaketime.so.1');
const findLibrary = () => libraries.find((path) => existsSync(path));

const offsets = ['-1d', '-1h', '-90s', '-10s', '+10s', '+90s', '+1h', '+1d'];

/** A service lives for a while on a clock that is wrong, by seconds or by a day. */
export const clockOffset: FaultKind = {
  name: 'clock offset',
  weight: 2,
  atLeast: 1,
  targets: [...frontendNames, ...workerNames],
  seconds: [5, 12],
  async unavailable() {
    if (findLibrary() === undefined && isRootOnDebian()) await installDebianPackages('faketime');
    if (findLibrary() !== undefined) return undefined;
    return 'not here: needs libfaketime (Debian: apt-get install faketime)';
  },
  async inject({ services }, { target, chance }) {
    const service = services.get(target);
    service?.setEnvironment({
      LD_PRELOAD: findLibrary() ?? '',
      FAKETIME: offsets[Math.floor(chance * offsets.length)] ?? '',
      // Timers go on as they should: only the time of day is wrong.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    });
    service?.signal('SIGKILL');
    return async () => {
      service?.setEnvironment({});
      service?.signal('SIGKILL');
    };
  },
};
