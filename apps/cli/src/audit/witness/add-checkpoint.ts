import { CheckpointError, NoteError } from '@portcullis/merkle-log';
import { type Offered, type Witness } from './witness.js';

/** What `add-checkpoint` answers (c2sp.org/tlog-witness). */
export interface WitnessAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const maxProofLines = 63;

/** Takes a checkpoint with its proof, and answers our cosignature or why there is none. A fork that shows by it is reported. */
export async function addCheckpoint(
  witness: Witness,
  body: string,
  report: (line: string) => void,
): Promise<WitnessAnswer> {
  const offered = readOffer(body);
  if (typeof offered === 'string') return text(400, offered);
  try {
    const verdict = await witness.cosign(offered);
    switch (verdict.kind) {
      case 'cosigned':
        return text(200, verdict.line);
      case 'unknown_log':
        return text(404, 'This witness does not know the log.\n');
      case 'backwards':
        return text(400, 'The old size is more than the checkpoint has.\n');
      case 'conflict':
        return { status: 409, type: 'text/x.tlog.size', body: `${verdict.size}\n` };
      case 'inconsistent':
        if (verdict.evidence !== null)
          report(
            `FORK. A log has signed two trees of ${offered.from} leaves: both checkpoints are in ${verdict.evidence}.`,
          );
        return text(422, 'The checkpoint is not shown to go on from the one that was cosigned last.\n');
    }
  } catch (error) {
    if (error instanceof NoteError || error instanceof CheckpointError)
      return text(statusOf(error), `${error.message}.\n`);
    throw error;
  }
}

/** The parts of a request: the old size, hashes line by line, an empty line, the checkpoint. A sentence if it is none. */
export function readOffer(body: string): Offered | string {
  const blank = body.indexOf('\n\n');
  const [old = '', ...lines] = body.slice(0, Math.max(0, blank)).split('\n');
  const [, digits = ''] = /^old (0|[1-9]\d{0,15})$/.exec(old) ?? [];
  if (digits === '' || !Number.isSafeInteger(Number(digits)))
    return 'The first line is "old" and a size; hashes follow, an empty line, and the checkpoint.\n';
  if (lines.length > maxProofLines) return `A proof has ${maxProofLines} hashes at most.\n`;
  const hashes = lines.map((line) => Buffer.from(line, 'base64'));
  const isHash = (hash: Buffer, at: number): boolean => hash.length === 32 && hash.toString('base64') === lines[at];
  if (!hashes.every(isHash)) return 'A line of the proof is not the base64 of 32 bytes.\n';
  return { note: body.slice(blank + 2), from: Number(digits), hashes };
}

function statusOf({ code }: NoteError | CheckpointError): number {
  switch (code) {
    case 'no_known_signature':
    case 'bad_signature':
    case 'not_signed_by_log':
      return 403;
    case 'wrong_empty_root':
      return 422;
    default:
      return 400;
  }
}

const text = (status: number, body: string): WitnessAnswer => ({ status, type: 'text/plain; charset=utf-8', body });
