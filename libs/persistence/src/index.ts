export { postgresSettings } from './settings.js';
export { Database, Transaction, type DatabaseOptions } from './database.js';
export { Statement, unwaited } from './statement.js';
export { EnforcementStore } from './enforcement.store.js';
export { OutboxStore } from './outbox.store.js';
export {
  type Changing,
  type CommittedChange,
  type CredentialChange,
  CredentialChanges,
  type Decide,
  type LockedCredential,
} from './credential-change.js';
export { once } from './idempotency.js';
export { Cursors, type PageSource, readPage } from './cursor.js';
