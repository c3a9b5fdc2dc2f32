import {
  CheckpointError,
  NoteError,
  openCheckpoint,
  type SignedCheckpoint,
  type TrustedLog,
} from '@portcullis/merkle-log';
import { Refused } from '../../command.js';
import { type TiledLog } from './tiled-log.js';
import { type Remembered } from './witness-file.js';
import { type Witness } from './witness.js';

/** The log has signed what does not go on from what it had signed before: no later turn makes that good. */
export class LogRefused extends Refused {
  override readonly name = 'LogRefused';
}

const attempts = 5;

/**
 * One turn of a witness that goes to a log: takes its newest checkpoint, makes the proof from its tiles, and answers the checkpoint with our
 * cosignature. Throws {@link LogRefused} for a fork or a rollback, whose evidence is kept; another Refused for what may pass.
 */
export async function followLog(witness: Witness, log: TiledLog, trusted: TrustedLog): Promise<string> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    // Before the log is asked: what it answers then is no older than this.
    const before = witness.remembered(trusted.origin);
    const note = await log.checkpoint();
    const offered = open(note, trusted);
    const from = before?.size ?? 0;
    if (before && offered.size < before.size) throw refused('ROLLBACK', witness, { before, offered, note });
    const hashes = await log.consistency(from, offered.size);
    const verdict = await witness.cosign({ note, from, hashes });
    if (verdict.kind === 'cosigned') return verdict.note;
    if (verdict.kind === 'conflict') continue; // another process of this witness was faster
    if (before) throw refused('FORK', witness, { before, offered, note });
  }
  throw new Refused(`Others use ${trusted.origin} with this witness so fast that it was never our turn.`);
}

function open(note: string, trusted: TrustedLog): SignedCheckpoint {
  try {
    return openCheckpoint(note, trusted);
  } catch (error) {
    if (error instanceof NoteError || error instanceof CheckpointError)
      throw new Refused(
        `The checkpoint is not to be believed: ${error.message}. A log whose key was followed by another needs that one here too.`,
      );
    throw error;
  }
}

function refused(
  what: 'FORK' | 'ROLLBACK',
  witness: Witness,
  { before, offered, note }: { before: Remembered; offered: SignedCheckpoint; note: string },
): LogRefused {
  const folder = witness.keepEvidence(before, offered, note);
  const said = {
    FORK:
      before.size === offered.size
        ? `has signed two trees of ${before.size} leaves`
        : `has signed ${offered.size} leaves, and its tiles do not lead there from the ${before.size} that it had signed before`,
    ROLLBACK: `had signed ${before.size} leaves and shows ${offered.size} now`,
  }[what];
  return new LogRefused(
    `${what}. The log ${offered.origin} ${said}. Nothing was cosigned. Both checkpoints, with its signatures, are in ${folder}.`,
  );
}
