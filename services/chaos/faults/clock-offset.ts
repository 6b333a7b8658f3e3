import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { installDebianPackages, isRootOnDebian } from '@darkroom/testing';
import { frontendNames, workerNames } from '../cluster.ts';
import type { Service } from '../service.ts';
import type { FaultKind } from './fault.ts';

const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((architecture) => `/usr/lib/${architecture}/faketime/libfaketime.so.1`)
  .concat('/usr/lib/faketime/libfaketime.so.1');
const findLibrary = () => libraries.find((path) => existsSync(path));

/** In seconds. */
const offsets = [-86_400, -3_600, -90, -10, 10, 90, 3_600, 86_400];

const START_SECONDS = 30;

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
    const offset = offsets[Math.floor(chance * offsets.length)] ?? 0;
    service?.setEnvironment({
      LD_PRELOAD: findLibrary() ?? '',
      FAKETIME: `${offset < 0 ? '' : '+'}${offset}s`,
      // Timers go on as they should: only the time of day is wrong.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    });
    service?.signal('SIGKILL');
    const repair = async () => {
      service?.setEnvironment({});
      service?.signal('SIGKILL');
    };
    try {
      await untilOffset(service, offset);
    } catch (error) {
      await repair();
      throw error;
    }
    return repair;
  },
};

/** Its own answers prove it. They have whole seconds. */
async function untilOffset(service: Service | undefined, offset: number): Promise<void> {
  const deadline = performance.now() + START_SECONDS * 1_000;
  for (;;) {
    const clock = await service?.clock();
    const off = clock === undefined ? undefined : (clock - Date.now()) / 1_000;
    if (off !== undefined && Math.abs(off - offset) < 3) return;
    if (performance.now() > deadline) {
      throw new Error(`the clock is off by ${off ?? 'nobody knows how many'} s, not ${offset} s`);
    }
    await wait(250);
  }
}
