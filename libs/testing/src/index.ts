export { startServers } from './servers.js';
export { fillOutbox, specDatabase, type SpecDatabase } from './spec-database.js';
export { specHouse } from './spec-house.js';
export { specConnection, specNatsUrl } from './spec-bus.js';
export { eventually } from './eventually.js';
export { aCaller, aPrincipal } from './makers.js';
export { selfSignedCertificate } from './certificate.js';
