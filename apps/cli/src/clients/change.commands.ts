import { type ClientRecord, type EnforcementReceipt } from '@portcullis/contracts';
import { type Command, UsageFault } from '../command.js';
import { idOf, many, remoteCommand, wholeNumber } from '../remote/remote-command.js';
import { GatewayRefusal } from '../remote/send.js';
import { receiptLine } from '../remote/tables.js';
import { shellWord } from '../sign/shell-word.js';
import { clientTable, nameOf, warningLines } from './client-table.js';
import { publicKeyHelp, publicKeyOptions, registering } from './public-key-option.js';

type ChangedClient = ClientRecord & { readonly enforcement?: EnforcementReceipt | null };

const example = 'cli_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2';
const maxOverlapSeconds = 30 * 86_400;
const pathOf = (id: string | undefined): string => `/v1/clients/${idOf(id, 'cli')}`;

export const update = remoteCommand({
  summary: 'Edits a client: its name, its roles, from where it is taken',
  help: `portcullis clients update ID [--name N] [--role R…] [--network CIDR… | --any-network]

What is not said stays; roles and networks that are said take the place of all before. You must hold all that it holds, before and
after. By the time this answers every gateway judges by it.

Examples:
  portcullis clients update ${example} --network 198.51.100.7/32
  portcullis clients update ${example} --role layer1:role:payment:viewer`,
  takes: ['ID'],
  options: {
    name: { type: 'string' },
    role: { type: 'string', multiple: true },
    network: { type: 'string', multiple: true },
    'any-network': { type: 'boolean' },
  },
  async run({ values, positionals, gateway, print }) {
    const path = pathOf(positionals[0]);
    if (values['any-network'] && values.network) throw new UsageFault('--network or --any-network, not both.');
    const networks = values['any-network'] ? ['0.0.0.0/0', '::/0'] : many(values.network);
    const roles = many(values.role);
    const body = {
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(networks === undefined ? {} : { networks }),
      ...(roles === undefined ? {} : { roles }),
    };
    if (Object.keys(body).length === 0) throw new UsageFault('Say what is to change.');
    const client = await gateway().ask<ChangedClient>({ method: 'PATCH', path, body });
    print(client, () => `${nameOf(client)} is changed. ${receiptLine(client.enforcement)}`);
  },
});

export const rotate = remoteCommand({
  summary: 'Gives a client another public key; the old one is good for the overlap',
  help: `portcullis clients rotate ID --overlap-seconds N --public-key FILE | --generate FILE

${publicKeyHelp}
  --overlap-seconds N        the old key is good so long, at most 30 days (2592000): time to bring the new one to where it signs.
                             With 0 it is refused everywhere by the time this answers: for a key that somebody else may have

The client_id stays. A client takes no key twice, so without an answer look before you repeat. One exception: where
--overlap-seconds 0 ends in 503 enforcement_pending, repeat it with the same public key until it is confirmed. With --generate the
pair is there by then, and this prints the command that does it.

Examples:
  portcullis clients rotate ${example} --overlap-seconds 3600 --generate shop-2.pem
  portcullis clients rotate ${example} --overlap-seconds 0 --public-key new.pub`,
  takes: ['ID'],
  options: { ...publicKeyOptions, 'overlap-seconds': { type: 'string' } },
  async run({ values, positionals, gateway, print }) {
    const id = idOf(positionals[0], 'cli');
    const path = `${pathOf(id)}/rotate`;
    const given = values['overlap-seconds'];
    if (given === undefined)
      throw new UsageFault('Say how long the old key is good for: --overlap-seconds N (0: no longer at all).');
    const overlap_seconds = wholeNumber(given, '--overlap-seconds', { min: 0, max: maxOverlapSeconds });
    const at = gateway();
    const client = await registering(values, (public_key) =>
      at.ask<ChangedClient & { warnings: string[] }>({ method: 'POST', path, body: { public_key, overlap_seconds } }),
    ).catch((error: unknown) => {
      const isPending = error instanceof GatewayRefusal && error.code === 'enforcement_pending';
      throw isPending && overlap_seconds === 0 ? error.adding(howToConfirm(id, values.generate)) : error;
    });
    const receipt = client.enforcement ? `\n\n${receiptLine(client.enforcement)}` : '';
    const next = values.generate === undefined ? '' : `\n\nIts new private key is in ${values.generate}.`;
    print(client, () => `${clientTable(client)}${receipt}${warningLines(client.warnings)}${next}`);
  },
});

/** The very key again: another one would be another rotation, and --generate makes another one. */
function howToConfirm(id: string, generated: string | undefined): string {
  if (generated === undefined) return 'To have it confirmed, repeat it with the same public key.';
  const publicHalf = `openssl pkey -in ${shellWord(generated)} -pubout`;
  const again = `portcullis clients rotate ${id} --overlap-seconds 0 --public-key -`;
  return `To have it confirmed, repeat it with the same key:\n  ${publicHalf} | ${again}`;
}

export const disable = change('disable', {
  summary: 'Stops a client until it is enabled again',
  says: 'By the time this answers every gateway refuses it.',
});

export const enable = change('enable', {
  summary: 'Lets a disabled client work again',
  says: 'You must hold all that it holds.',
});

export const revoke = change('revoke', {
  summary: 'Ends a client for good; answers when every gateway refuses it',
  says: `The record stays, with who revoked it and when. A repeat answers with the first revocation. If it cannot be confirmed
everywhere, this says so with exit code 1: the client stays revoked, repeat it to have it confirmed.`,
});

function change(verb: 'disable' | 'enable' | 'revoke', { summary, says }: { summary: string; says: string }): Command {
  return remoteCommand({
    summary,
    help: `portcullis clients ${verb} ID\n\n${says}\n\nExamples:\n  portcullis clients ${verb} ${example}`,
    takes: ['ID'],
    async run({ positionals, gateway, print }) {
      const one = pathOf(positionals[0]);
      const question = verb === 'revoke' ? { method: 'DELETE', path: one } : { method: 'POST', path: `${one}/${verb}` };
      const client = await gateway().ask<ChangedClient>(question);
      print(client, () => `${nameOf(client)} is ${verb}d. ${receiptLine(client.enforcement)}`);
    },
  });
}
