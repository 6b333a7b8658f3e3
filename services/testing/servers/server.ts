/** A server that tests and benchmarks talk to. */
export type Server = {
  /** Where it comes from: somebody else runs it, or we do, in a container or as a program. */
  readonly origin: 'given' | 'container' | 'program';
  /** Kills it without warning (SIGKILL), keeping its data and its port. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and data. */
  start(): Promise<void>;
  /** Ends it for good and removes its data; a given server is left as it is. */
  stop(): Promise<void>;
};

/** A server that we run as a program, for who does to it what its machine might. */
export type ProgramServer = Server & {
  /** Where its data lies. */
  readonly data: string;
  /** To its whole process group. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it in good order, keeping its data and its port. */
  halt(): Promise<void>;
};

/** A server that is not ours: nothing to stop, and not to be killed. */
export function givenServer(variable: string): Server {
  const refuse = refuseGiven(variable);
  return { origin: 'given', kill: refuse, start: refuse, stop: async () => {} };
}

export const refuseGiven = (variable: string) => async (): Promise<never> => {
  throw new Error(`the server of ${variable} is not ours to change: ask for a private one`);
};

/** What a `start…` function may be told. */
export type ServerOptions = {
  /** Start a server of one's own even where a variable names one: for tests that kill it. */
  private?: boolean;
};

export function say(line: string): void {
  console.error(`test-servers: ${line}`);
}
