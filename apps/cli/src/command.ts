/** What a command ends with. Scripts may rely on them. */
export const exit = { ok: 0, refused: 1, usage: 2, configuration: 78 } as const;

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `portcullis <command> --help` teaches, examples included. */
  readonly help: string;
  /** Answers the exit code. May throw: `Refused`, `UsageFault`, and anything that is a fault of ours. */
  run(args: readonly string[], env: Environment): Promise<number>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** An expected "no": printed as it is, without a stack. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly exitCode: number = exit.refused,
  ) {
    super(message);
    this.name = 'Refused';
  }
}

/** The command line is not understood. */
export class UsageFault extends Error {}
