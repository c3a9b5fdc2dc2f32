import { decodeBase64 } from './base64.js';

/** What a log commits to at one size (c2sp.org/tlog-checkpoint). */
export interface Checkpoint {
  /** The log's name, its first line. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Further lines, which no monitor can check; we write none. */
  readonly extensions?: readonly string[];
}

/** Why a text is no checkpoint, or not one of the log that the reader means. */
export type CheckpointErrorCode = 'malformed' | 'wrong_empty_root' | 'another_log' | 'not_signed_by_log';

export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';

  constructor(
    readonly code: CheckpointErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Reads the text of a checkpoint, which says nothing of who signed it: see `openCheckpoint`. Refuses sizes with
 * leading zeros or beyond 2^53 − 1, roots that are not 32 bytes in canonical base64, empty lines, and an empty tree with
 * another root than its own (`wrong_empty_root`). Throws {@link CheckpointError}.
 */
export function parseCheckpoint(text: string): Required<Checkpoint> {
  const [origin, digits, encoded, ...extensions] = text.slice(0, -1).split('\n');
  const size = /^(?:0|[1-9][0-9]*)$/.test(digits ?? '') ? Number(digits) : NaN;
  const root = decodeBase64(encoded ?? '');
  const linesFit = text.endsWith('\n') && !!origin && extensions.every((line) => line !== '');
  if (!linesFit || !Number.isSafeInteger(size) || root?.length !== hashBytes)
    throw new CheckpointError('malformed', 'This is not a checkpoint: origin, size, root, each on its line');
  if (size === 0 && encoded !== emptyRoot)
    throw new CheckpointError('wrong_empty_root', 'The empty tree has one root, and this is another');
  return { origin, size, root, extensions };
}

const hashBytes = 32;

/** SHA-256 of nothing, in base64 (RFC 9162 section 2.1.1). */
const emptyRoot = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
