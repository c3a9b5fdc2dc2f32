export {
  tag,
  type Ack,
  type AuthorityReply,
  type Deregister,
  type EnforcerMessage,
  type Join,
  type Marker,
  type MarkerNotice,
  type MarkerScope,
  type Position,
  type Receipt,
  type Renew,
  type Renewed,
  type Tag,
} from './messages.js';
export {
  answer,
  decideFence,
  prunable,
  type AuthorityStore,
  type EnforcerRow,
  type Exchange,
  type ExchangeView,
  type FenceOrder,
  type FenceOutcome,
  type Room,
} from './authority.js';
export { PendingRevocation, SilenceWatch, type RevocationProgress } from './revocation.js';
export {
  Enforcer,
  type Attachment,
  type EnforcerOptions,
  type Instant,
  type Judgement,
  type LeaseStatus,
  type Outgoing,
  type Recall,
  type Subject,
} from './enforcer.js';
export { Allowance } from './budget/allowance.js';
export { askEveryMs, ownShare, takeSlice, type Ask, type LedgerState, type Slice } from './budget/ledger.js';
export { type Limit } from './budget/spending.js';
