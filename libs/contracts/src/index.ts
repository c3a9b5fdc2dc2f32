export { Id, idKinds, isId, newId, organizationLabel, type IdKind } from './ids.js';
export {
  ErrorCode,
  errorCodes,
  FailedCredential,
  FieldFault,
  Refusal,
  RefusalMessage,
  refuseFaults,
} from './refusal.js';
export { Name, Sealed, Sha256, Text, Time } from './text.js';
export { Page, pageRequest } from './page.js';
export { BucketName, Buckets, Principal, PrincipalKind, principalKinds } from './principal.js';
export { Caller, RequestContext, type AuthenticatedCaller } from './caller.js';
export { AccessTokenClaims } from './access-token.js';
export {
  busUsers,
  maxLeaseSeconds,
  openOperation,
  principalOperation,
  replySeconds,
  revokingSeconds,
  serviceOperation,
  services,
  type Audience,
  type BusUser,
  type CallerOf,
  type Operation,
  type ReplyOf,
  type RequestInputOf,
  type RequestOf,
  type Service,
} from './operation.js';
export { authorities, EnforcementReceipt, Position, type Authority } from './enforcement.js';
export {
  Action,
  actions,
  Actor,
  AuditEvent,
  CloudEvent,
  completeEvent,
  eventOrigin,
  eventSubject,
  Outcome,
  toCloudEvent,
  type OwedEvent,
  unrefusedActions,
} from './event.js';
export { describeEvents } from './events/asyncapi.js';
export { eventFaults, eventTypes } from './events/event-types.js';
export {
  AccessGrant,
  Identity,
  Membership,
  ResolvedFamily,
  ResolvedHolder,
  ResolvedPrincipal,
  TokenPair,
  VerificationKey,
} from './identity.contract.js';
export { BrowserTokens } from './session.contract.js';
export {
  IssuedRoleToken,
  NewRoleToken,
  RefreshedRoleToken,
  ResolvedInstallation,
  RoleTokenRevocation,
  roleTokensOfOthers,
  TokenRole,
  tokenRoles,
} from './role-token.contract.js';
export { SigningKeyRecord } from './signing-key.contract.js';
export {
  Email,
  OrganizationRecord,
  OwnerId,
  ServiceAccountRecord,
  serviceAccountStatuses,
  ShownInvitation,
  UserRecord,
  UserRemoval,
  userStatuses,
} from './owners.contract.js';
export { credentialStatuses, CredentialStatus, KeyForm, keyForms, KeyOwner, RateLimit } from './api-key.js';
export {
  ApiKey,
  ApiKeyRecord,
  CreateApiKey,
  ImportedKey,
  LeakedKey,
  maxImportedKeys,
  ShownCredentials,
} from './api-key.contract.js';
export { importedKeys, ResolvedGrant, ResolvedKey, S3SigningKeys } from './key-resolution.contract.js';
export { Bucket, BucketRecord, maxBuckets } from './bucket.contract.js';
export { AccessBatch, AccessRecord, maxAccessRecords, RequestRecord } from './key-usage.contract.js';
export { PolicyReport } from './policy-report.js';
export { ClientRecord, ClientRegistry, ResolvedClient, ResolvedClientGrant } from './client-registry.contract.js';
export { Audit, ExportedLeaf, LogKeyRecord } from './audit.contract.js';
export {
  type AttemptOutcome,
  attemptOutcomes,
  DeadLetter,
  maxWebhooks,
  WebhookRecord,
  type WebhookState,
} from './webhook.contract.js';
export { operationsOf } from './catalogue.js';
