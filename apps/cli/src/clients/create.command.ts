import { type ClientRecord } from '@portcullis/contracts';
import { UsageFault } from '../command.js';
import { many, remoteCommand } from '../remote/remote-command.js';
import { clientTable, warningLines } from './client-table.js';
import { publicKeyHelp, publicKeyOptions, registering } from './public-key-option.js';

export const create = remoteCommand({
  summary: 'Registers a machine client by its public key; it signs its requests',
  help: `portcullis clients create NAME --role R… --public-key FILE | --generate FILE [options]

${publicKeyHelp}
  --role R                   what it may do; several with commas, or the option again
  --network CIDR             from where it is taken; several as above (everywhere)
  --disabled                 not yet: portcullis clients enable
  --idempotency-key K        a repeat with the same K makes no second client

Its client_id is the keyid of its signatures. docs/signing-requests.md has signers to paste.

Examples:
  portcullis clients create shop --role layer1:role:payment:operator --generate shop.pem
  portcullis clients create ledger --role layer1:role:ledger:viewer --network 10.0.0.0/8 --public-key ledger.pub
  openssl pkey -in client.pem -pubout | portcullis clients create hooks --role layer1:role:hook:operator --public-key -`,
  takes: ['NAME'],
  options: {
    ...publicKeyOptions,
    role: { type: 'string', multiple: true },
    network: { type: 'string', multiple: true },
    disabled: { type: 'boolean' },
    'idempotency-key': { type: 'string' },
  },
  async run({ values, positionals, gateway, print }) {
    const roles = many(values.role);
    if (roles === undefined) throw new UsageFault('Say what it may do: --role. GET /v1/roles lists them.');
    const networks = many(values.network);
    const at = gateway();
    const made = await registering(values, (public_key) =>
      at.ask<ClientRecord & { warnings: string[] }>({
        method: 'POST',
        path: '/v1/clients',
        body: {
          name: positionals[0],
          public_key,
          roles,
          ...(networks === undefined ? {} : { networks }),
          ...(values.disabled ? { enabled: false } : {}),
        },
        idempotencyKey: values['idempotency-key'],
      }),
    );
    const next =
      values.generate === undefined
        ? ''
        : `\n\nIts private key is in ${values.generate}:\n  portcullis sign --client-id ${made.client_id} --key ${values.generate} GET URL`;
    print(made, () => `${clientTable(made)}${warningLines(made.warnings)}${next}`);
  },
});
