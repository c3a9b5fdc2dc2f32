export { busSettings } from './settings.js';
export { Bus, connectionOptions } from './bus.js';
export { CallerSigner, CallerVerifier, type GatewayKeys } from './caller-token.js';
export { FetchedGatewayKeys } from './gateway-keys.js';
export { Handles } from './handles.js';
export {
  accessConsumer,
  accessStream,
  accessSubject,
  auditConsumer,
  auditStream,
  checkpointStream,
  checkpointSubject,
  dropAuditReader,
  ensureStreams,
  giveAuditReader,
  type ReadsFrom,
  type ReadsWhat,
  StreamFault,
} from './streams.js';
export { auditReader, auditReaderUser, natsUsers, type NatsUser } from './nats-users.js';
export { gatherOutboxStates, outboxServices, type OutboxState } from './outbox-state.js';
export { committedSubject, type Outbox, OutboxRelay, publishEvent } from './outbox-relay.js';
export { healthSubject } from './health.js';
export { GatheredStream, type StreamWork } from './gathered-stream.js';
export { finishLeftBehind, type LeftBehind } from './finish-left-behind.js';
export { Recurring, type RecurringOptions } from './recurring.js';
export { serve, startService, type Companion, type ServiceParts } from './serve.js';
export { EnforcementAuthority, type AuthorityOptions, type MarkerSource } from './enforcement-authority.js';
export { gatherPolicyReports, PolicyReporter, type PolicyState } from './policy-reports.js';
export { familyById, type FamilyRecord } from './family-by-id.js';
export { type Ask, type Lookup, Records, type RequestRecords, type Stop } from './records.js';
export { EnforcerLink, type EnforcerLinkOptions } from './enforcer-link.js';
