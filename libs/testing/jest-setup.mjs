/** jest's globalSetup: real servers for the whole run. Reads the built libraries, which `npm test` makes first. */
import { startServers } from '@portcullis/testing';

export default async function setup() {
  globalThis.stopPortcullisServers = await startServers();
}
