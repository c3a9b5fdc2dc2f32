import { randomBytes } from 'node:crypto';
import { Bus, EnforcerLink, FetchedGatewayKeys } from '@portcullis/bus';
import { Identity } from '@portcullis/contracts';
import { clientAddress, NetworkList } from '@portcullis/credentials';
import { type Attachment } from '@portcullis/enforcement';
import { readAccessToken } from './access-token-verifier.js';
import { type GuardRecord } from './guard-records.js';
import { bearerToken, type IncomingRequest, organizationOf, valuesOf } from './incoming-request.js';
import { type Presentation, TokenJudge } from './token-judge.js';
import { type Authenticator, type VerifiedPrincipal } from './verified-principal.js';
import { type PublicKeys } from './verify-token.js';

/** What `portcullis guard credentials` prints and `portcullis up` writes to `guard.json`. */
export interface GuardCredentials {
  /** `nats://host:port` or `tls://host:port`, of one cluster. */
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  /** `iss` and `aud` of access tokens. */
  readonly issuer: string;
  readonly audience: string;
}

export interface JoinedGuardOptions extends GuardCredentials {
  /** Proxies in front of the service, as CIDRs, whose `X-Forwarded-For` is believed. Needed by keys and clients that are bound to networks. */
  readonly trustedProxies?: readonly string[];
  /** Hears that the message bus is away, and back. */
  readonly report?: (line: string) => void;
}

/**
 * Verifies access tokens, of people, keys and machine clients, as an enforcer of its own: a call that revokes answers only when this process refuses what was revoked, or
 * is fenced. Records are kept in memory under leases of a few seconds; without a lease (the message bus or an authority is away,
 * this process stood still) nothing is accepted and the answer is 503.
 */
export class JoinedGuard implements Authenticator {
  readonly #bus: Bus;
  readonly #link: EnforcerLink<GuardRecord | null>;
  readonly #keys: PublicKeys;
  readonly #judge: TokenJudge;
  readonly #trustedProxies: NetworkList;

  private constructor(
    bus: Bus,
    private readonly options: JoinedGuardOptions,
  ) {
    this.#bus = bus;
    // 128 random bits that only the authorities see: guards share a user, and none can speak for another.
    const id = `guard_${randomBytes(16).toString('base64url')}`;
    this.#link = new EnforcerLink(bus, { id });
    const fetched = new FetchedGatewayKeys(async () => (await bus.call(Identity.keys, {})).access);
    this.#keys = {
      find: async (kid) => {
        // The question would wait for its time-out, and the answer be of no use.
        if (!this.#link.enforcer.holdsLease('identity', this.#link.now())) throw new Error('no lease from identity');
        return fetched.find(kid);
      },
    };
    this.#judge = new TokenJudge({
      enforcer: this.#link.enforcer,
      now: () => this.#link.now(),
      ask: bus.call.bind(bus),
    });
    this.#trustedProxies = NetworkList.parse(options.trustedProxies ?? []);
  }

  /** Connects, waiting for the server if it is not there yet, and joins. Rejects if the server refuses the user. */
  static async connect(options: JoinedGuardOptions): Promise<JoinedGuard> {
    const { user, password, servers, report } = options;
    const urls = servers.map((server) => {
      const url = new URL(server);
      return `${url.protocol}//${encodeURIComponent(user)}:${encodeURIComponent(password)}@${url.host}`;
    });
    const bus = await Bus.connect('guard', urls.join(','), report ? { report } : {});
    const guard = new JoinedGuard(bus, options);
    guard.#link.start();
    return guard;
  }

  /** Whether it holds the leases of all authorities and so can decide about every token: for the service's readiness. */
  get ready(): boolean {
    return this.#link.enforcer.status(this.#link.now()).every(({ lease }) => lease);
  }

  async authenticate(request: IncomingRequest): Promise<VerifiedPrincipal> {
    const token = bearerToken(request);
    const organizationId = organizationOf(request);
    const clientIp = clientAddress({
      peer: request.socket.remoteAddress ?? '',
      forwardedFor: valuesOf(request, 'x-forwarded-for'),
      trusted: this.#trustedProxies,
    });
    return this.verify(token, { clientIp, organizationId });
  }

  /** What a token may do now. Throws AccessRefused, and nothing else. */
  async verify(token: string, presented: Presentation = {}): Promise<VerifiedPrincipal> {
    const { issuer, audience } = this.options;
    const read = await readAccessToken(token, { keys: this.#keys, issuer, audience, now: () => new Date() });
    return this.#judge.judge(read, presented);
  }

  /**
   * Ties something that lives on after its decision (a WebSocket, an event stream) to it: `close` is called at once when the principal
   * loses what it was judged by, or the lease ends, and must cut the connection before it returns. To be called in the turn in which
   * the principal was verified. @returns undefined if it is refused by now; else to be released when the stream has ended by itself
   */
  attach(principal: VerifiedPrincipal, close: () => void): Attachment | undefined {
    return this.#judge.attach(principal, close);
  }

  /** Refuses everything from here on, tells the authorities not to wait for this process, and disconnects. */
  async close(): Promise<void> {
    await this.#link.stop();
    await this.#bus.close();
  }
}
