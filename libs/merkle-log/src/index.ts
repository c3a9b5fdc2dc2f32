export { canonicalJson, CanonicalJsonError, type CanonicalJsonErrorCode, maxCanonicalDepth } from './canonical-json.js';
export {
  type Checkpoint,
  CheckpointError,
  type CheckpointErrorCode,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  type SignedCheckpoint,
  type TrustedLog,
} from './checkpoint.js';
export { eventLeafHash, type ExportLine, ExportLineError, formatExportLine, readExportLine } from './export-line.js';
export {
  emptyRoot,
  hashBytes,
  leafEntry,
  leafHash,
  nodeHash,
  saltBytes,
  saltedBytesHash,
  saltedHash,
} from './hashes.js';
export {
  cosigner,
  cosignNote,
  maxNoteBytes,
  maxSignatures,
  NoteError,
  type NoteErrorCode,
  type NoteSignature,
  type NoteSigner,
  noteSigner,
  type NoteVerifier,
  noteVerifier,
  type OpenedNote,
  openNote,
  signNote,
} from './note.js';
export {
  type ConsistencyProof,
  consistencyVerifies,
  frontierOf,
  type InclusionProof,
  inclusionVerifies,
} from './proofs.js';
export {
  GrowingTiles,
  hashesIn,
  readTilePath,
  rootOf,
  tileHashes,
  type TileId,
  TileMissing,
  type TilePart,
  tilePath,
  Tiles,
  tilesOf,
  tileWidth,
} from './tiles.js';
export {
  type CompletedNode,
  consistencyPath,
  Frontier,
  type FrontierState,
  inclusionPath,
  type NodeId,
  type NodeReader,
  type PathStep,
  peakNodes,
  readPath,
} from './tree.js';
export {
  type LogFault,
  type LogFaultKind,
  LogVerifier,
  type LogVerifierOptions,
  type LogVerdict,
} from './verify-log.js';
