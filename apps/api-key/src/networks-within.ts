import { Refusal } from '@portcullis/contracts';
import { NetworkList, parseCidr } from '@portcullis/credentials';

/** A maker that may act only from some networks hands out no credential that works from others. Null is every network. */
export function demandNetworksWithin(networks: readonly string[] | null, maker: readonly string[] | null): void {
  if (maker === null) return;
  const exceeding = networks === null ? ['all networks'] : networks.filter((text) => !covered(text, maker));
  if (exceeding.length === 0) return;
  throw new Refusal('exceeds_grant', `This exceeds the networks that you may act from: ${exceeding.join(', ')}.`, {
    errors: [{ field: 'networks', message: `must lie within ${maker.join(', ')}` }],
  });
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
