/** What a command may use of the process around it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths of arguments start from. */
  readonly cwd: string;
  readonly out: NodeJS.WriteStream;
  /** Listens for signals from now on; aborted by the first one. */
  readonly stopSignal: () => AbortSignal;
}

/** Runs a command with its own arguments; resolves with the exit code. */
export type Verb = (args: readonly string[], io: Io) => Promise<number>;
