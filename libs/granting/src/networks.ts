import { Refusal } from '@portcullis/contracts';
import { NetworkList, NetworkRefused, parseCidr } from '@portcullis/credentials';

/** Networks as they are kept: each in its canonical form. Null where none is named: every network. Refuses what is no network. */
export function canonicalNetworks(networks: readonly string[] | undefined): string[] | null {
  if (networks === undefined) return null;
  return networks.map((text, index) => {
    try {
      return parseCidr(text).text;
    } catch (error) {
      if (!(error instanceof NetworkRefused)) throw error;
      throw new Refusal('invalid_request', error.message, {
        errors: [{ field: `networks.${index}`, message: error.message }],
      });
    }
  });
}

/** A maker that may act only from some networks hands out no credential that works from others. Null is every network. */
export function demandNetworksWithin(networks: readonly string[] | null, maker: readonly string[] | null): void {
  const exceeding = exceedingNetworks(networks, maker);
  if (exceeding.length === 0 || maker === null) return;
  throw new Refusal('exceeds_grant', `This exceeds the networks that you may act from: ${exceeding.join(', ')}.`, {
    errors: [{ field: 'networks', message: `must lie within ${maker.join(', ')}` }],
  });
}

/** Those of `networks` that lie in none of `limit`. Null is every network. */
export function exceedingNetworks(networks: readonly string[] | null, limit: readonly string[] | null): string[] {
  if (limit === null) return [];
  return networks === null ? ['all networks'] : networks.filter((text) => !covered(text, limit));
}

/** A network lies in another if its first address does and its prefix is no shorter. */
function covered(text: string, maker: readonly string[]): boolean {
  const inner = parseCidr(text);
  const firstAddress = inner.text.slice(0, inner.text.indexOf('/'));
  return maker.some((outer) => {
    const { prefixLength, family } = parseCidr(outer);
    return (
      family === inner.family && prefixLength <= inner.prefixLength && NetworkList.parse([outer]).contains(firstAddress)
    );
  });
}
