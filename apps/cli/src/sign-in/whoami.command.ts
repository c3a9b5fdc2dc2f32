import { type Principal } from '@portcullis/contracts';
import { remoteCommand } from '../remote/remote-command.js';
import { recordTable } from '../remote/tables.js';

export const whoami = remoteCommand({
  summary: 'Says who you are to a gateway, and what you may do now',
  help: `portcullis whoami [--output table|json|yaml]

Asks with the session of the profile, or with PORTCULLIS_TOKEN: so it also says what a token is good for.

Examples:
  portcullis whoami
  PORTCULLIS_URL=https://gate.example.com PORTCULLIS_TOKEN="$(cat token)" portcullis whoami --output json | jq .permissions`,
  async run({ gateway, print }) {
    const principal = await gateway().ask<Principal>({ method: 'GET', path: '/v1/whoami' });
    print(principal, () => recordTable(principal));
  },
});
