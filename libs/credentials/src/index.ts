export { addressGroup } from './address-group.js';
export {
  type ApiKeyParts,
  apiKeyPattern,
  mintApiKey,
  mintClientCredentials,
  mintS3Credentials,
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
  decodeUnverifiedClaims,
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
  isEverywhere,
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
export { ContentDigest, ContentDigestError, type DigestAlgorithm, DigestChecker } from './content-digest.js';
export {
  type KeyAlgorithm,
  type PublicKey,
  publicKeyFromSpki,
  PublicKeyRefused,
  readPublicKey,
  type SignatureAlgorithm,
} from './public-key.js';
export { signatureVerifies, verifySignature } from './http-signature/algorithm.js';
export { type CheckedSignature, checkSignature, maxAgeSeconds, replayKey } from './http-signature/check-signature.js';
export {
  type DescribedRequest,
  type Explaining,
  explainSignature,
  type SignatureExplanation,
  type SignatureProblem,
} from './http-signature/explain-signature.js';
export { type SignedHeaders, signRequest, type SignRequest } from './http-signature/sign-request.js';
export { signatureBase } from './http-signature/signature-base.js';
export { SignatureError, type SignatureErrorCode } from './http-signature/signature-error.js';
export {
  chooseSignature,
  type CoveredComponent,
  keyidsOf,
  parseSignatures,
  type RequestSignature,
} from './http-signature/signature-fields.js';
export {
  type Origin,
  originOf,
  type ReceivedRequest,
  type SignedRequest,
  signedRequest,
} from './http-signature/signed-request.js';
export { s3SigningKey } from './sigv4/canonical-request.js';
export { contentEncodingWithoutChunks, type S3Payload } from './sigv4/payload.js';
export { payloadDecoder, type PayloadDecoderOptions, signatureDoesNotMatch } from './sigv4/payload-decoder.js';
export {
  readS3Signature,
  type ReadS3Signature,
  type S3RequestHead,
  type S3Signature,
  s3SkewSeconds,
} from './sigv4/read-signature.js';
export { S3Fault, type S3FaultCode } from './sigv4/s3-fault.js';
export { type SignedS3Request, signS3Request, type SignS3Request } from './sigv4/sign-s3-request.js';
export { type S3Path, s3PathOf, s3QueryOf } from './sigv4/target.js';
