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
  return [
    ...services.map((service) => serviceUser(service, passwords[service])),
    ...services.flatMap((service) => streamUser(service, passwords[service])),
    guardUser(passwords.guard),
  ];
}

/** By which user and inbox a service reads its stream; the password is the service's. */
export const streamReader = (service: BusUser) => ({
  user: `${service}-stream`,
  inboxPrefix: `_INBOX.${service}-stream`,
});

/**
 * May not answer requests, and is one of its own for that: of a user who may, the server notes each message that has a reply subject for
 * a minute, and beyond 4,096 it goes through all notes at each message. A flood of events cost it 430 µs of CPU each, and 20 without.
 */
function streamUser(service: Service, password: string): NatsUser[] {
  const allow = reads(service);
  const { user, inboxPrefix } = streamReader(service);
  return allow.length === 0
    ? []
    : [{ user, password, publish: { allow }, subscribe: { allow: [`${inboxPrefix}.>`] }, allowResponses: false }];
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
        // A process of the version before reads by this user.
        ...reads(service),
        ...checkpoints(service),
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

/** Who reads which stream, by a consumer that was made for it, and what it says of what it has read. */
function reads(service: Service): string[] {
  if (service === 'audit') return [...consumes(auditStream, auditConsumer), 'committed.*'];
  return service === 'api-key' ? consumes(accessStream, accessConsumer) : [];
}

const checkpoints = (service: Service): string[] =>
  service === 'audit' ? [checkpointSubject, `$JS.API.STREAM.MSG.GET.${checkpointStream}`] : [];

const consumes = (stream: string, consumer: string): string[] => [
  `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  `$JS.ACK.${stream}.${consumer}.>`,
];
