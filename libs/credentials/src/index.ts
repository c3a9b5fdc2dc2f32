export {
  type ApiKeyParts,
  apiKeyPattern,
  mintApiKey,
  mintClientCredentials,
  parseApiKey,
  sameDigest,
  sha256Hex,
} from './api-key-format.js';
export { decodeBase64, decodeBase64url } from './base64url.js';
export {
  exportPkcs8,
  generateSigningKey,
  importPkcs8,
  importPublicJwk,
  type PublicJwk,
  publicJwk,
  type SigningKey,
  thumbprint,
} from './jwk.js';
export {
  type JwsHeader,
  type JwsLimits,
  type ParsedJws,
  parseJws,
  signatureMatches,
  TokenError,
  type TokenErrorCode,
  verifyJws,
} from './jws.js';
export {
  checkClaims,
  type Claims,
  type ExpectedClaims,
  type InspectedJwt,
  inspectJwt,
  readClaims,
  type SignJwt,
  signJwt,
  type VerifyJwt,
  verifyJwt,
} from './jwt.js';
export { Secret } from './secret.js';
export { parseStrictJson, StrictJsonError, type StrictJsonErrorCode, type StrictJsonLimits } from './strict-json.js';
export { type JwsAlgorithm, KeyRefused, VerificationKey } from './verification-key.js';
export {
  type Cidr,
  clientAddress,
  type Hops,
  NetworkList,
  NetworkRefused,
  normaliseAddress,
  parseCidr,
  unknownAddress,
} from './network.js';
export { hashPassword, needsRehash, verifyPassword } from './password.js';
export { PasswordQueueFull } from './password-queue.js';
export { BcryptHash, BcryptHashRefused, hashWithBcrypt } from './bcrypt.js';
export { EnvelopeRefused, KeyEncryption } from './envelope.js';
export { KeyListRefused } from './key-list.js';
export { type OpenedRoleToken, type RoleTokenClaims, RoleTokenKeys, type RoleTokenOwner } from './role-token.js';
export {
  generateSealingKey,
  publicSealingJwk,
  seal,
  type SealingJwk,
  sealingKeyFrom,
  SealRefused,
  unseal,
} from './sealing.js';
