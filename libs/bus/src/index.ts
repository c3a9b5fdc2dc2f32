export { busSettings } from './settings.js';
export { Bus, connectionOptions } from './bus.js';
export { CallerSigner, CallerVerifier, type GatewayKeys } from './caller-token.js';
export { FetchedGatewayKeys } from './gateway-keys.js';
export { Handles } from './handles.js';
export { auditConsumer, auditStream, natsUsers, type NatsUser } from './nats-users.js';
export { committedSubject, type Outbox, OutboxRelay, publishEvent } from './outbox-relay.js';
export { serve, type Companion, type ServiceParts } from './serve.js';
