import { type KeyObject } from 'node:crypto';
import { Identity, type VerificationKey } from '@portcullis/contracts';
import { importPublicJwk } from '@portcullis/credentials';
import { type Bus } from './bus.js';
import { type GatewayKeys } from './caller-token.js';

const freshMilliseconds = 60_000;
const askAgainMilliseconds = 1_000;
/** As long as identity lists a gateway that it has not heard from. */
const heldMilliseconds = 600_000;

/**
 * The gateways' public keys as a source answers them, kept for a minute. An unknown key makes it ask again, once a second
 * at the most, so a flood of made-up keys costs one message a second.
 */
export class FetchedGatewayKeys implements GatewayKeys {
  private keys = new Map<string, KeyObject>();
  private fetchedAt = -Infinity;
  private fetching: Promise<void> | undefined;

  constructor(private readonly fetchKeys: () => Promise<readonly VerificationKey[]>) {}

  /** For services other than identity, which reads its own table. */
  static over(bus: Bus): FetchedGatewayKeys {
    return new FetchedGatewayKeys(async () => (await bus.call(Identity.gatewayKeys, {})).keys);
  }

  async find(kid: string): Promise<KeyObject | undefined> {
    const age = performance.now() - this.fetchedAt;
    const held = this.keys.get(kid);
    if (age <= (held ? freshMilliseconds : askAgainMilliseconds)) return held;
    try {
      await (this.fetching ??= this.refresh().finally(() => (this.fetching = undefined)));
    } catch (error) {
      // With the source away a key that it vouched for not long ago is still good; an unknown one is not.
      if (!held || age > heldMilliseconds) throw error;
    }
    return this.keys.get(kid);
  }

  private async refresh(): Promise<void> {
    const keys = await this.fetchKeys();
    this.keys = new Map(keys.map((key) => [key.kid, importPublicJwk(key)]));
    this.fetchedAt = performance.now();
  }
}
