import { type Lattice } from '@portcullis/authz';
import {
  type Caller,
  type Operation,
  type PolicyReport,
  type Principal,
  type Refusal,
  type RequestInputOf,
  type ResolvedClient,
} from '@portcullis/contracts';
import { type Secret } from '@portcullis/credentials';
import { type OwnRoute, type Policy } from '@portcullis/policy';
import { type z } from 'zod';
import { type Candidate } from '../credential/keys-in-text.js';
import { type ReadBody } from '../json-body.js';
import { type HeldBy } from '../judge/held-by.js';
import { type Judge } from '../judge/judge.js';
import { type Arrival, type Identity } from '../judgement.js';
import { renderReply, type Unseal } from '../render.js';
import { type HttpInput, httpInputOf, readInput } from './http-input.js';
import { type StorageParts } from './storage.routes.js';

/** What a control route answers from: the few things that the process holds. */
export interface RouteParts {
  readonly publicUrl: string;
  /** Everything that the gateway answers itself, as the policy sees it. */
  readonly ownRoutes: readonly OwnRoute[];
  /** The policy in force. */
  policy(): Policy;
  /** What every process that decides runs, this one among them. */
  policyReports(): Promise<PolicyReport[]>;
  /** What a credential holds now. Undefined: there is none of that id in that organization. */
  explainCredential(id: string, organizationId: string, lattice: Lattice): Promise<HeldBy | undefined>;
  /** Asks a service on a caller's behalf; the fields named in `sealedFields` are plain text, and are sealed on the way. */
  ask(
    operation: Operation,
    request: Record<string, unknown>,
    sealedFields: readonly string[],
    caller: Caller,
  ): Promise<unknown>;
  unseal(context: string): Unseal;
  /** What keeps the gateway from deciding; empty when it is ready. */
  missing(): { field: string; message: string }[];
  /** Strings in a text that look like API keys, ours and imported ones. Refuses too many. */
  keysIn(text: string): Promise<Candidate[]>;
  /** Public keys that verify access tokens and identity tokens. */
  publicKeys(): Promise<readonly object[]>;
  /** Prefixes of API keys that are ours. */
  readonly apiKeyPrefixes: readonly string[];
  /** See `Judge.identifyClient`; what is refused is written down. */
  identifyClient(by: Parameters<Judge['identifyClient']>[0], call: ControlCall): Promise<Identity>;
  /** See `Judge.inspect`. */
  inspect(bearer: Secret): Promise<Identity>;
  /** The client of any organization that has this `keyid`. */
  clientByClientId(clientId: string): Promise<ResolvedClient | null>;
  /** Null: there is no storage behind this gateway. */
  readonly storage: StorageParts | null;
  /** Whether `/auth` and `/refresh` are there. */
  issuesRoleTokens(): Promise<boolean>;
  /** Prometheus text. */
  metricsText(): Promise<string>;
}

/** A control request whose credential was judged, its body not yet read. */
export interface ControlCall {
  readonly arrival: Arrival;
  /** Null on a public route. */
  readonly principal: Principal | null;
  readonly path: Readonly<Record<string, string>>;
  readonly query: string | null;
  header(name: string): string | undefined;
  body(options?: Pick<ReadBody, 'maxBytes' | 'anyForm'>): Promise<Record<string, unknown>>;
  caller(options: { idempotent: boolean }): Caller;
  /** As somebody who was found to be behind the request by what its body says. */
  callerAs(who: Extract<Identity, { kind: 'principal' }>): Caller;
  /** The parameters of an OAuth request. */
  form(): Promise<ReadonlyMap<string, string>>;
  readonly clientIp: string;
  readonly userAgent: string | null;
  /** A header of the answer, of a refusal too. */
  says(name: string, value: string): void;
  /** Counts against the limit of whoever was found to ask, and lists it as a request of theirs. Refuses with `rate_limited`. */
  admit(who: Identity): void;
  /** Writes down that a service refused a credential. */
  failed(refusal: Refusal): void;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text and bytes as they are, with the `Content-Type` among the headers. */
  readonly body: object | string | Buffer | Streamed;
}

/**
 * An answer that is written as it comes, as fast as the client reads it and no faster. It is tied to the credential that asked: when
 * that is revoked, or no lease is held, it is cut. Who reads on must be able to tell a cut answer from one that has ended.
 */
export class Streamed {
  constructor(
    /** Asked for the next only when the last was taken. Its `return` is called when the client has gone. */
    readonly pieces: AsyncIterator<string, void>,
    /** It has no end of its own: a stopping gateway ends it. */
    readonly endless: boolean,
  ) {}
}

/** Who may call a route. `permission: null` is any authenticated principal. */
export type Access =
  | { readonly public: true }
  | {
      readonly public: false;
      readonly permission: string | null;
      /** Programs on this machine need no credential. */ readonly loopback?: true;
      /** A person of several organizations who has named none is asked for no permission: the answer is about themselves. */
      readonly needsOrganization?: false;
    };

/** One route that the gateway answers itself, described once: it is served, documented and guarded by this value alone. */
export interface ControlRoute {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** See `path-pattern.ts`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly access: Access;
  readonly status: number;
  /** Absent where nothing is sent but the path. */
  readonly input?: HttpInput;
  readonly reply: z.ZodType | { readonly mediaType: string };
  /** The parameters of a form, for the docs; the handler reads them. */
  readonly form?: z.ZodObject;
  /** Takes `Idempotency-Key`. */
  readonly idempotent: boolean;
  /** The challenge of its 401s, where it is not the usual one. */
  readonly challenge?: string;
  /** For pages of ours in a browser: it demands `ownPageHeader` and, with `cookie`, goes by the session's cookie. */
  readonly ownPage?: { readonly cookie: boolean };
  /** Asked before anything else; if not, the route is not there, whoever asks. */
  isThere?(parts: RouteParts): Promise<boolean>;
  /** A body that the route takes; it stands in the docs. */
  readonly example?: Readonly<Record<string, unknown>>;
  answer(call: ControlCall, parts: RouteParts): Promise<Answer>;
}

type Described = Pick<ControlRoute, 'method' | 'path' | 'tag' | 'summary' | 'example'>;

/**
 * A route that a service answers. Permission, fields, refusals and the answer's shape are the contract's, so a new operation is
 * one entry. Only where HTTP and the bus differ in more than sealing are `body` and `request` given.
 */
export function operationRoute<O extends Operation, Body extends z.ZodObject = z.ZodObject>(
  described: Described & {
    operation: O;
    status?: number;
    /** The HTTP form, where it is not the operation's own. */
    body?: Body;
    /** Never with `Idempotency-Key`: a password is not set twice by one. */
    idempotent?: false;
    /** The operation's request made of it. */
    request?: (body: z.output<Body>) => RequestInputOf<O>;
  },
): ControlRoute {
  const { operation, status = 200, body, request, ...rest } = described;
  const input = httpInputOf(body ?? operation.request, rest.method, rest.path);
  const idempotent = described.idempotent ?? (operation.for === 'principal' && rest.method !== 'GET');
  return {
    ...rest,
    access: accessOf(operation),
    status,
    input,
    reply: operation.reply,
    idempotent,
    answer: async (call, parts) => {
      const read = readInput(input, {
        path: call.path,
        query: call.query,
        body: input.from === 'body' ? await call.body() : {},
      });
      const message = request ? request(read as z.output<Body>) : read;
      const reply = await parts.ask(
        operation,
        message as Record<string, unknown>,
        input.sealedFields,
        call.caller({ idempotent }),
      );
      return { status, body: (await renderReply(operation.reply, reply, parts.unseal(operation.subject))) as object };
    },
  };
}

function accessOf({ for: audience, permission, needsOrganization }: Operation): Access {
  if (audience !== 'principal') return { public: true };
  return { public: false, permission, ...(needsOrganization ? {} : { needsOrganization }) };
}

/** A route that the gateway answers from what it holds. */
export function ownRoute(
  described: Described &
    Pick<ControlRoute, 'access' | 'reply' | 'answer'> &
    Partial<Pick<ControlRoute, 'status' | 'input' | 'form' | 'challenge' | 'ownPage' | 'isThere' | 'idempotent'>>,
): ControlRoute {
  return { status: 200, idempotent: false, ...described };
}
