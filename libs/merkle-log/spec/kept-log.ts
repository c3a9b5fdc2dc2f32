import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  eventLeafHash,
  formatExportLine,
  Frontier,
  LogVerifier,
  type LogVerdict,
  noteSigner,
  noteVerifier,
  openCheckpoint,
  signCheckpoint,
  type SignedCheckpoint,
} from '../src/index.js';

const origin = 'log.example/audit';
const signer = noteSigner(origin, generateKeyPairSync('ed25519').privateKey);
const trusted = { origin, keys: [noteVerifier(signer.verifierKey)] };

export interface KeptEvent {
  id: string;
  action: string;
  details: { n: number };
}

/** What a service has of one leaf. An attacker with its database may change all of it, and cannot sign what was signed. */
export interface Kept {
  leafIndex: number;
  leafHash: Buffer;
  salt: Buffer;
  event: KeptEvent;
  /** Whether the export's reader may see the event. */
  open: boolean;
}

export function keptLog(size: number, isOpen: (index: number) => boolean = () => true): Kept[] {
  return Array.from({ length: size }, (_, leafIndex) => {
    const event = { id: `evt_${leafIndex}`, action: 'api-key.created', details: { n: leafIndex } };
    const salt = randomBytes(32);
    return { leafIndex, event, salt, leafHash: eventLeafHash(event, salt), open: isOpen(leafIndex) };
  });
}

/** The leaf hash that an attacker puts in so that the line fits in itself. */
export function rehashed(kept: Kept): Kept {
  return { ...kept, leafHash: eventLeafHash(kept.event, kept.salt) };
}

export function renumbered(log: readonly Kept[]): Kept[] {
  return log.map((kept, leafIndex) => ({ ...kept, leafIndex }));
}

export function lineOf({ leafIndex, leafHash, salt, event, open }: Kept): string {
  return formatExportLine(leafIndex, leafHash, open ? { salt, event } : undefined);
}

export function treeOf(log: readonly Kept[]): Frontier {
  const tree = new Frontier();
  tree.append(log.map(({ leafHash }) => leafHash));
  return tree;
}

/** What the log signed when it had `size` leaves, as someone kept it. */
export function checkpointOf(log: readonly Kept[], size = log.length): SignedCheckpoint {
  const root = treeOf(log.slice(0, size)).root();
  return openCheckpoint(signCheckpoint({ origin, size, root }, [signer]), trusted);
}

export function verdictOn(lines: readonly string[], checkpoints: readonly SignedCheckpoint[]): LogVerdict {
  const verifier = new LogVerifier({ checkpoints });
  for (const line of lines) verifier.add(line);
  return verifier.end();
}
