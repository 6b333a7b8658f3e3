import process from 'node:process';
import { parseArgs } from 'node:util';

/** What the program is told of its own port, which is behind that of the kubelet. */
const BEHIND = 18_081;

/** What is run, and how its probes are reached. */
export type LiveUpdateConfig = {
  /** Node's arguments. */
  program: string[];
  /** Where the kubelet asks. */
  probesPort: number;
  /** The program's own port for it. */
  programPort: number;
  /** The program's environment. */
  environment: NodeJS.ProcessEnv;
};

/**
 * @param args `--probes VARIABLE=PORT`: the variable that names the program's port for probes, and its value
 *   where the environment has none; then `--` and Node's arguments
 * @throws Error that says how it is called
 */
export function readConfig(
  args: readonly string[] = process.argv.slice(2),
  environment: NodeJS.ProcessEnv = process.env,
): LiveUpdateConfig {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { probes: { type: 'string' } },
    allowPositionals: true,
  });
  const [, variable, port] = values.probes?.match(/^([A-Z_]+)=(\d+)$/) ?? [];
  if (variable === undefined || positionals.length === 0) {
    throw new Error('call it as: live-update --probes VARIABLE=PORT -- PROGRAM.ts [ARGUMENT ...]');
  }
  return {
    program: positionals,
    probesPort: Number(environment[variable] ?? port),
    programPort: BEHIND,
    environment: { ...environment, [variable]: String(BEHIND) },
  };
}
