import process from 'node:process';
import { expect, test } from 'vitest';
import { stepNames } from '../../plan.ts';
import { begins, endOf } from '../darkroom.ts';
import type { Promotions } from '../promotions.ts';
import type { TwoClusters } from '../two-clusters.ts';

/** One that has ended before is told by its code. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

type Rig = () => { two: TwoClusters; promotions: Promotions };

export function interruptionsSuite(rig: Rig): void {
  test('at each step of its plan, it converges when it is run again', async () => {
    const { two, promotions } = rig();
    await two.source.change('apps/frontend/settings.env', (text) =>
      text.replace(/^LOG_LEVEL=.*$/m, 'LOG_LEVEL=debug'),
    );
    const release = await two.source.build(two.images);
    await promotions.enter(release);
    for (const step of stepNames) {
      const killed = await promotions.tryToGoOn({
        onLine: (line, pid) => {
          if (begins(line, step)) kill(pid);
        },
      });
      expect(killed.code, `${step}: ${killed.stderr}`).toBeNull();
    }
    const report = await promotions.goOn();
    expect(report).toMatchObject({ outcome: 'promoted', plan: { release } });
    const verified = await promotions.look('verify', 'staging', 'production');
    expect(verified.stdout, verified.stderr).toContain('are the same');
  });

  test('by nobody: of two at once the second is refused with who holds the lock', async () => {
    const { promotions } = rig();
    const { promise: started, resolve } = Promise.withResolvers<number>();
    const first = promotions.tryToGoOn({
      onLine: (line, pid) => {
        if (!line.endsWith('checking')) return;
        process.kill(pid, 'SIGSTOP');
        resolve(pid);
      },
    });
    const holder = await Promise.race([started, first]);
    if (typeof holder !== 'number') throw new Error(endOf(holder));
    const second = await promotions.tryToGoOn();
    process.kill(holder, 'SIGCONT');
    expect(second.stderr).toMatch(new RegExp(`:${holder} is promoting to kind-.*-target`));
    expect(second.code).toBe(1);
    expect((await first).code).toBe(0);
  });
}
