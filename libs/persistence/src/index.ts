export { postgresSettings } from './settings.js';
export { Database, isOutage, Transaction, type DatabaseOptions } from './database.js';
export { OutboxStore } from './outbox.store.js';
export { once } from './idempotency.js';
export { Cursors } from './cursor.js';
