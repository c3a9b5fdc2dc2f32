import { authorities, type Authority, type BusUser, operationsOf, type Service, services } from '@portcullis/contracts';
import { appliedSubject, enforcerKinds, exchangeSubject, markerSubject } from './enforcement-subjects.js';
import { healthSubjects } from './health.js';
import { outboxServices, outboxSubject } from './outbox-state.js';
import { policyStatusSubject } from './policy-reports.js';
import {
  accessConsumer,
  accessStream,
  accessSubject,
  auditConsumer,
  auditStream,
  checkpointStream,
  checkpointSubject,
} from './streams.js';

/** A NATS user as the server's configuration has it. Everything that is not allowed is refused by the server. */
export interface NatsUser {
  user: string;
  password: string;
  publish: { allow: string[] };
  subscribe: { allow: string[] };
  /** May answer the request that it is handling, whatever inbox that came from. */
  allowResponses: boolean;
}

/**
 * One user per service, with the subjects that the contracts give it and no others: it answers its own operations, calls
 * those that name it as a caller, and publishes its own events. Made from the contracts, so a new operation needs no edit here.
 * Beside them `guard`, for the guards in other teams' services: it enforces, asks what it needs for that, and answers nothing.
 */
export function natsUsers(passwords: Record<BusUser, string>): NatsUser[] {
  return [...services.map((service) => serviceUser(service, passwords[service])), guardUser(passwords.guard)];
}

function serviceUser(service: Service, password: string): NatsUser {
  return {
    user: service,
    password,
    publish: {
      allow: [
        ...calls(service),
        ...events(service),
        ...enforcementSends(service),
        ...reads(service),
        healthSubjects(service),
        ...(service === 'gateway' ? [policyStatusSubject, ...outboxServices.map(outboxSubject)] : []),
      ],
    },
    subscribe: {
      allow: [`_INBOX.${service}.>`, ...answers(service), ...enforcementHears(service), policyStatusSubject],
    },
    allowResponses: true,
  };
}

function guardUser(password: string): NatsUser {
  const speaks = authorities.flatMap((authority) => [
    exchangeSubject(authority, 'guard'),
    appliedSubject(authority, 'guard'),
  ]);
  return {
    user: 'guard',
    password,
    publish: { allow: [...calls('guard'), ...speaks] },
    subscribe: { allow: ['_INBOX.guard.>', ...authorities.map(markerSubject)] },
    allowResponses: false,
  };
}

/** What a reader of the record outside of Portcullis connects with: its user and inbox, and the durable consumer that was made for it. */
export const auditReader = (name: string) => ({
  user: `audit-consumer-${name}`,
  inboxPrefix: `_INBOX.audit-consumer-${name}`,
  durable: `consumer-${name}`,
});

/**
 * Reads AUDIT by one durable consumer and may do nothing else. It cannot make consumers: one that delivers to a subject of its choice
 * would have the server say there what this user may not.
 */
export function auditReaderUser(name: string, password: string): NatsUser {
  const { user, inboxPrefix, durable } = auditReader(name);
  return {
    user,
    password,
    publish: { allow: consumes(auditStream, durable) },
    subscribe: { allow: [`${inboxPrefix}.>`] },
    allowResponses: false,
  };
}

function calls(user: BusUser): string[] {
  return services.flatMap((owner) =>
    operationsOf(owner)
      .filter((operation) => operation.callers.includes(user))
      .map((operation) => operation.subject),
  );
}

function answers(service: Service): string[] {
  return [
    ...operationsOf(service).map((operation) => operation.subject),
    healthSubjects(service),
    `committed.${service}`,
    outboxSubject(service),
  ];
}

const events = (service: Service): string[] => [
  `audit.*.${service}.>`,
  ...(service === 'gateway' ? [accessSubject] : []),
];

/** Exchanges go to one replica of an authority, acknowledgements to all of them, markers to every enforcer. */
function enforcementSends(service: Service): string[] {
  if (service === 'gateway')
    return authorities.flatMap((authority) => [exchangeSubject(authority), appliedSubject(authority)]);
  return isAuthority(service) ? [markerSubject(service)] : [];
}

function enforcementHears(service: Service): string[] {
  if (service === 'gateway') return authorities.map(markerSubject);
  if (!isAuthority(service)) return [];
  return enforcerKinds.flatMap((kind) => [exchangeSubject(service, kind), appliedSubject(service, kind)]);
}

const isAuthority = (service: Service): service is Authority => (authorities as readonly Service[]).includes(service);

/** Who reads which stream, by a consumer that was made for it. */
function reads(service: Service): string[] {
  if (service === 'audit') {
    const checkpoints = [checkpointSubject, `$JS.API.STREAM.MSG.GET.${checkpointStream}`];
    return [...consumes(auditStream, auditConsumer), 'committed.*', ...checkpoints];
  }
  return service === 'api-key' ? consumes(accessStream, accessConsumer) : [];
}

const consumes = (stream: string, consumer: string): string[] => [
  `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  `$JS.ACK.${stream}.${consumer}.>`,
];
