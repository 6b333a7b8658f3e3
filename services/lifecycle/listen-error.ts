import { DarkroomError } from '@darkroom/contract';

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it, or set PORT to a free port',
  EACCES: 'ports below 1024 need privileges; set PORT to a higher one',
  EADDRNOTAVAIL: 'this machine has no such address; set HOST to one of its own, or to ::',
};

/** Turns a failure to listen into an error that says why and what to do. */
export function listenError(error: unknown, at: { host: string; port: number }): DarkroomError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const remedy = REMEDIES[code] ?? (error instanceof Error ? error.message : String(error));
  const host = at.host.includes(':') ? `[${at.host}]` : at.host;
  return new DarkroomError('configuration', `cannot listen on ${host}:${at.port}: ${remedy}`, {
    cause: error,
  });
}
