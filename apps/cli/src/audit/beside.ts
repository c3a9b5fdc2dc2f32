/** Where an export's checkpoint and the log's keys lie: what `audit export` writes, `audit verify` finds. */
export const checkpointBeside = (path: string): string => `${path}.checkpoint`;
export const keysBeside = (path: string): string => `${path}.log-keys.json`;
