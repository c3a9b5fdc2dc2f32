export { demandKnownNames, demandWithin, heldBy, type Names } from './no-escalation.js';
export { canonicalNetworks, demandNetworksWithin, exceedingNetworks } from './networks.js';
