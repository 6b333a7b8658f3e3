import { hostname, userInfo } from 'node:os';
import process from 'node:process';
import { CommandFailure } from '../commands/failure.ts';
import type { Manifest } from '../render/manifest.ts';
import { ApiError } from './api-error.ts';
import type { KubeApi } from './kube-api.ts';
import { NAMESPACE } from './record.ts';

type Lease = Manifest & {
  spec?: { holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string };
};

/** Without a sign of its holder for so long, the lock is anyone's. */
const DURATION_S = 60;
const RENEW_MS = 15_000;

const lease = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'promotion', namespace: NAMESPACE },
};

/** Who works on a cluster, for the record and for whoever is refused meanwhile. */
export const whoami = (): string => `${userInfo().username}@${hostname()}`;

/**
 * Takes the lock of a cluster's releases: one promotion at a time.
 *
 * @param options.onLost told when somebody else has it, because this process did not renew it in time
 * @param options.note told where it cannot be given back: what was done stands all the same
 * @returns gives it back
 * @throws CommandFailure that says who holds it
 */
export async function takeLock(
  api: KubeApi,
  { onLost, note }: { onLost: (error: Error) => void; note: (line: string) => void },
): Promise<() => Promise<void>> {
  const identity = `${whoami()}:${process.pid}`;
  const write = async (present: Lease | undefined, holder: string) => {
    const now = new Date(await api.time()).toISOString().replace('Z', '000Z');
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: DURATION_S,
      acquireTime: now,
      renewTime: now,
    };
    return present === undefined
      ? await api.create({ ...lease, spec })
      : await api.replace({ ...present, spec });
  };
  const present = await api.get<Lease>(lease);
  const holder = present?.spec?.holderIdentity ?? '';
  if (holder !== '' && (await isHeld(api, present))) throw inUse(api, present, holder);
  try {
    await write(present, identity);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
    const winner = await api.get<Lease>(lease);
    const name = winner?.spec?.holderIdentity ?? 'somebody';
    // Somebody was faster; or this process itself, whose first answer was lost on its way.
    if (name !== identity) throw inUse(api, winner, name);
  }
  const renew = async () => {
    const mine = await api.get<Lease>(lease);
    if (mine?.spec?.holderIdentity !== identity) {
      throw new CommandFailure(
        `the lock of ${api.context} is now ${mine?.spec?.holderIdentity ?? "nobody's"}: this promotion did ` +
          `not renew it for ${DURATION_S} s and stops; \`darkroom promote status\` tells what is there`,
      );
    }
    await write(mine, identity);
  };
  let renewed = Promise.resolve();
  const timer = setInterval(() => {
    renewed = renew().catch((error: unknown) => {
      // An API server that is away for a moment costs no lock.
      if (error instanceof CommandFailure && error.message.startsWith('the lock')) onLost(error);
    });
  }, RENEW_MS);
  const release = async () => {
    const mine = await api.get<Lease>(lease);
    if (mine?.spec?.holderIdentity === identity) await write(mine, '');
  };
  return async () => {
    clearInterval(timer);
    await renewed;
    await release().catch((error: Error) =>
      note(
        `promote: the lock stays until it ends by itself after ${DURATION_S} s: ${error.message}`,
      ),
    );
  };
}

/** A holder of this machine that has ended holds nothing, whatever the time. */
async function isHeld(api: KubeApi, present: Lease | undefined): Promise<boolean> {
  const { holderIdentity = '', renewTime = '', leaseDurationSeconds = 0 } = present?.spec ?? {};
  const [who, pid] = [
    holderIdentity.replace(/:\d+$/, ''),
    Number(holderIdentity.split(':').at(-1)),
  ];
  if (who === whoami() && !runs(pid)) return false;
  return Date.parse(renewTime) + leaseDurationSeconds * 1_000 > (await api.time());
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const inUse = (api: KubeApi, held: Lease | undefined, holder: string) =>
  new CommandFailure(
    `${holder} is promoting to ${api.context} (last seen ${held?.spec?.renewTime ?? 'just now'}): wait until ` +
      `it has ended; a lock whose holder is gone ends by itself after ${DURATION_S} s`,
  );
