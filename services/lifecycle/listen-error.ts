import { DarkroomError } from '@darkroom/contract';

const remedies = (variable: string): Readonly<Record<string, string>> => ({
  EADDRINUSE: `another process listens there; stop it, or set ${variable} to a free port`,
  EACCES: `ports below 1024 need privileges; set ${variable} to a higher one`,
  EADDRNOTAVAIL: 'this machine has no such address; set HOST to one of its own, or to ::',
});

/**
 * Turns a failure to listen into an error that says why and what to do.
 *
 * @param at.variable the environment variable that sets the port
 */
export function listenError(
  error: unknown,
  at: { host: string; port: number; variable?: string | undefined },
): DarkroomError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const remedy =
    remedies(at.variable ?? 'PORT')[code] ??
    (error instanceof Error ? error.message : String(error));
  const host = at.host.includes(':') ? `[${at.host}]` : at.host;
  return new DarkroomError('configuration', `cannot listen on ${host}:${at.port}: ${remedy}`, {
    cause: error,
  });
}
