import { type Bus, type Companion } from '@portcullis/bus';
import { Identity, newId, VerificationKey } from '@portcullis/contracts';
import { generateSigningKey, type SigningKey } from '@portcullis/credentials';

const againMilliseconds = 60_000;
const retryMilliseconds = 500;
const tellAfterFailures = 20;

/**
 * The process's own ES256 key: it vouches for callers to services and for principals to upstreams, and for nothing else. It is made
 * at start, lives in memory only, and its public half is registered with identity at start and then every minute.
 */
export class GatewayKey implements Companion {
  readonly gatewayId: string;
  readonly key: SigningKey = generateSigningKey();
  private bus: Bus | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private known = false;
  private failures = 0;

  constructor(
    now: Date,
    private readonly report: (line: string) => void,
  ) {
    this.gatewayId = newId('tok', now).replace(/^tok_/, 'gw_');
  }

  /** Whether services can verify what this process signs. */
  get registered(): boolean {
    return this.known;
  }

  /** The bus signs with this key, so it comes second. */
  over(bus: Bus): this {
    this.bus = bus;
    return this;
  }

  start(): void {
    void this.register();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async register(): Promise<void> {
    try {
      if (!this.bus) throw new Error('there is no bus to register over');
      const key = VerificationKey.parse(this.key.publicJwk);
      await this.bus.call(Identity.registerGateway, { gateway_id: this.gatewayId, key });
      this.known = true;
    } catch (error) {
      // A key that was known stays known for a while: identity keeps it well beyond the minute.
      // At a start of everything at once identity is not there yet, which is no news.
      if (!this.known && ++this.failures === tellAfterFailures) {
        this.report(`the gateway's key is not registered yet: ${String(error)}`);
      }
    }
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.register(), this.known ? againMilliseconds : retryMilliseconds);
    this.timer.unref();
  }
}
