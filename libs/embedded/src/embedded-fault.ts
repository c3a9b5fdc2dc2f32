/** Why a server could not be had or started: one sentence for the person at the terminal, with what to do about it. */
export class EmbeddedFault extends Error {
  constructor(
    readonly code: 'port-taken' | 'in-use' | 'unavailable' | 'failed',
    sentence: string,
  ) {
    super(sentence);
    this.name = 'EmbeddedFault';
  }
}
