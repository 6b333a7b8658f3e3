import { buildKindConfig } from '../../scripts/cluster/offline/kind-config.ts';
import { findTool, toolNames } from '../../scripts/render/tools.ts';

const say = (line: string): void => console.error(`platform-tools: ${line}`);

/**
 * Begins to build what the platform's tests run, one after the other. Not awaited: other tests run
 * meanwhile, and who needs a tool waits for it.
 *
 * @public Vitest calls it (`globalSetup` in vitest.config.ts).
 */
export default function setup(): void {
  void (async () => {
    for (const name of toolNames) await findTool(name, say);
    await buildKindConfig({ say });
  })().catch((error: unknown) => say(String(error)));
}
