/** What a reader's browser checks with: nothing here, nor what it imports, needs a Node API. Whoever calls brings the hashing. */
export { decodeBase64 } from './base64.js';
export { canonicalText, CanonicalJsonError } from './canonical-json.js';
export { type Checkpoint, CheckpointError, parseCheckpoint } from './checkpoint-text.js';
export { inclusionSides, type Side } from './inclusion-sides.js';
export {
  hexadecimal,
  keyIdInput,
  NoteError,
  readNote,
  readVerifierKey,
  type SignatureLine,
  type WrittenVerifierKey,
} from './note-text.js';
