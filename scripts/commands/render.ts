import { checkEnvironment } from '../../platform/checks/check-environment.ts';
import { tell } from '../../platform/checks/finding.ts';
import type { EnvironmentName, Layer } from '../render/environments.ts';
import { renderEnvironment } from '../render/render.ts';
import { CommandFailure } from './failure.ts';
import type { Context } from './run-command.ts';

/**
 * Prints what would be applied to an environment. Nothing is printed where something in it would go
 * wrong, so that nothing of it is applied by who pipes it on.
 */
export async function render(
  { environment, layer }: { environment: EnvironmentName; layer?: Layer | undefined },
  context: Pick<Context, 'print' | 'note'>,
): Promise<void> {
  const rendered = await renderEnvironment(environment, context.note).catch((error: Error) => {
    throw new CommandFailure(`${environment} cannot be rendered: ${error.message}`);
  });
  const { infrastructure, apps } = rendered;
  const findings = checkEnvironment(environment, [...infrastructure.objects, ...apps.objects]);
  if (findings.length > 0) {
    throw new CommandFailure(
      [`${environment} has ${findings.length} faults:`, ...findings.map(tell)].join('\n  '),
    );
  }
  const wanted = layer === undefined ? [infrastructure, apps] : [rendered[layer]];
  context.print(wanted.map(({ text }) => text.trimEnd()).join('\n---\n'));
}
