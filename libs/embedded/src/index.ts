export { EmbeddedFault } from './embedded-fault.js';
export { freePort, isPortFree } from './free-port.js';
export { startPostgres, type PostgresOptions, type RunningPostgres } from './postgres.js';
export { changeNatsUsers, startNats, type NatsOptions, type RunningNats, writeNatsUsers } from './nats.js';
export { natsConfig, type NatsUser } from './nats-config.js';
export { findNatsServer, type NatsServer } from './find-nats-server.js';
export {
  identityOf,
  isAlive,
  recordProcess,
  stopOrphan,
  forgetProcess,
  type ProcessIdentity,
} from './process-record.js';
export { lineReader, type Log } from './lines.js';
