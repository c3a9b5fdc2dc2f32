import { type RoleTokenRevocation } from '@portcullis/contracts';
import { UsageFault } from '../command.js';
import { idOf, remoteCommand } from '../remote/remote-command.js';
import { receiptLine } from '../remote/tables.js';
import { pipedSecret } from '../secret-input.js';

export const revoke = remoteCommand({
  summary: 'Revokes one role token with its family, or all of them',
  help: `portcullis role-tokens revoke --token-stdin | --token-id tok_… | --all

A token comes from standard input, never as an argument. By the time this answers every gateway of this installation refuses
it, and all that was refreshed from it. --all: every role token there is, of installations with the same key too.

Examples:
  portcullis role-tokens revoke --token-stdin < token
  portcullis role-tokens revoke --token-id tok_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2
  portcullis role-tokens revoke --all`,
  options: {
    'token-stdin': { type: 'boolean' },
    'token-id': { type: 'string' },
    all: { type: 'boolean' },
  },
  async run({ values, gateway, print }) {
    const said = [values['token-stdin'], values['token-id'], values.all].filter((one) => one !== undefined);
    if (said.length !== 1) throw new UsageFault('Say which: --token-stdin, --token-id ID, or --all.');
    const id = values['token-id'] === undefined ? undefined : idOf(values['token-id'], 'tok');
    const at = gateway();
    const body = values.all ? { all: true } : id === undefined ? { token: await tokenFromStdin() } : { token_id: id };
    const done = await at.ask<RoleTokenRevocation>({ method: 'POST', path: '/v1/role-tokens/revoke', body });
    const what = done.token_id === null ? 'Every role token is' : `${done.token_id} and its family are`;
    print(done, () => `${what} revoked. ${receiptLine(done.enforcement)}`);
  },
});

async function tokenFromStdin(): Promise<string> {
  if (process.stdin.isTTY) throw new UsageFault('The token comes from standard input: … --token-stdin < FILE');
  const token = (await pipedSecret()).trim();
  if (token === '') throw new UsageFault('Standard input is empty.');
  return token;
}
