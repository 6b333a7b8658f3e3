import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { InferenceSession } from './runtime.ts';

/**
 * How many nodes of each network every provider ran, in the words of `executionProviders`:
 * `{ unet: { cuda: 812, cpu: 14 } }`. Copies between the memories of two providers do not count.
 */
export type NodesByProvider = Record<string, Record<string, number>>;

/** Watches the sessions that are made with it, until it is ended. */
export type NodeProfile = {
  /**
   * Settings for the session of a network.
   * @param path of the network's file, whose folder names the network
   */
  settings(
    path: string,
  ): Pick<InferenceSession.SessionOptions, 'enableProfiling' | 'profileFilePrefix'>;
  watch(session: InferenceSession): void;
  /** Ends the watch, which costs no session anything from then on, and tells what ran meanwhile. */
  end(): Promise<NodesByProvider>;
};

/** The runtime's own profile: it writes a file for each session. */
export async function createNodeProfile(): Promise<NodeProfile> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-profile-'));
  const networks: string[] = [];
  const sessions: InferenceSession[] = [];
  let isEnded = false;
  return {
    settings(path) {
      if (isEnded) return {};
      const index = networks.push(basename(dirname(path))) - 1;
      return { enableProfiling: true, profileFilePrefix: join(folder, String(index)) };
    },
    watch: (session) => void sessions.push(session),
    async end() {
      isEnded = true;
      for (const session of sessions) {
        try {
          session.endProfiling();
        } catch {
          // Released before: it has written its file then.
        }
      }
      const nodes: NodesByProvider = {};
      for (const file of (await readdir(folder)).sort()) {
        const network = networks[Number.parseInt(file, 10)] ?? file;
        nodes[network] ??= {};
        add(nodes[network], nodesIn(await readFile(join(folder, file), 'utf8')));
      }
      await rm(folder, { recursive: true, force: true });
      return nodes;
    },
  };
}

type ProfileEvent = {
  cat?: string;
  name?: string;
  args?: { provider?: string; op_name?: string; node_index?: string };
};

/**
 * Counts the nodes of a profile by provider; a node that ran several times counts once.
 *
 * @param text the file that the runtime wrote, empty where its session never ran
 */
export function nodesIn(text: string): Record<string, number> {
  const events = text.trim() === '' ? [] : (JSON.parse(text) as ProfileEvent[]);
  const seen = new Set<string>();
  for (const { cat, name = '', args: { provider, op_name, node_index } = {} } of events) {
    if (cat !== 'Node' || provider === undefined || !name.endsWith('_kernel_time')) continue;
    if (op_name?.startsWith('Memcpy') === true) continue;
    seen.add(`${nameOf(provider)} ${node_index} ${name}`);
  }
  const counts: Record<string, number> = {};
  for (const node of seen) {
    const provider = node.slice(0, node.indexOf(' '));
    counts[provider] = (counts[provider] ?? 0) + 1;
  }
  return counts;
}

/** `CUDAExecutionProvider` is `cuda` where a session is made. */
const nameOf = (provider: string) => provider.replace(/ExecutionProvider$/, '').toLowerCase();

function add(counts: Record<string, number>, more: Record<string, number>): void {
  for (const [provider, count] of Object.entries(more)) {
    counts[provider] = (counts[provider] ?? 0) + count;
  }
}
