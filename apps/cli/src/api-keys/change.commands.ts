import { type ApiKeyRecord, type EnforcementReceipt } from '@portcullis/contracts';
import { UsageFault } from '../command.js';
import { idOf, remoteCommand, wholeNumber } from '../remote/remote-command.js';
import { type Issued, secretsHelp, secretsOptions, showOnce } from '../remote/secrets.js';
import { clean, receiptLine, recordTable } from '../remote/tables.js';
import { keyFieldsOf, keyHelp, keyOptions } from './key-fields.js';

type ChangedKey = ApiKeyRecord & { readonly enforcement?: EnforcementReceipt | null };

const example = 'key_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2';
const maxOverlapSeconds = 30 * 86_400;

export const rotate = remoteCommand({
  summary: 'Gives a key new secrets in every form, shown once',
  help: `portcullis api-keys rotate ID --overlap-seconds N [--secrets-to FILE] [--idempotency-key K]

The old secrets are good for N seconds more, at most 30 days (2592000): time to bring the new ones where they are used. With 0
they are refused everywhere by the time this answers. The client id stays, the access key id is a new one.

${secretsHelp}

Examples:
  portcullis api-keys rotate ${example} --overlap-seconds 3600 --secrets-to new.json
  portcullis api-keys rotate ${example} --overlap-seconds 0`,
  takes: ['ID'],
  options: { ...secretsOptions, 'overlap-seconds': { type: 'string' } },
  async run(call) {
    const { values, positionals } = call;
    const path = `/v1/api-keys/${idOf(positionals[0], 'key')}/rotate`;
    const given = values['overlap-seconds'];
    if (given === undefined)
      throw new UsageFault('Say how long the old secrets are good for: --overlap-seconds N (0: no longer at all).');
    const body = { overlap_seconds: wholeNumber(given, '--overlap-seconds', { min: 0, max: maxOverlapSeconds }) };
    const gateway = call.gateway();
    const idempotencyKey = values['idempotency-key'];
    return showOnce(
      call,
      () => gateway.ask<ChangedKey & Issued>({ method: 'POST', path, body, idempotencyKey }),
      (record) => {
        const { enforcement, ...key } = record;
        const receipt = enforcement ? `\n\n${receiptLine(enforcement)}` : '';
        return `${recordTable(key, ['secrets'])}${receipt}`;
      },
    );
  },
});

export const update = remoteCommand({
  summary: 'Edits a key; its grant only to a narrower one',
  help: `portcullis api-keys update ID [--name N] [options]

${keyHelp}
  --any-network              from anywhere
  --no-rate-limit

What is not said stays. By the time this answers every gateway judges by the new grant, networks and limit.

Examples:
  portcullis api-keys update ${example} --network 10.0.0.0/8,192.0.2.7/32
  portcullis api-keys update ${example} --name "billing, nightly" --role read`,
  takes: ['ID'],
  options: {
    ...keyOptions,
    name: { type: 'string' },
    'any-network': { type: 'boolean' },
    'no-rate-limit': { type: 'boolean' },
  },
  async run({ values, positionals, gateway, print }) {
    const path = `/v1/api-keys/${idOf(positionals[0], 'key')}`;
    if (values['any-network'] && values.network) throw new UsageFault('--network or --any-network, not both.');
    if (values['no-rate-limit'] && values['rate-limit'] !== undefined)
      throw new UsageFault('--rate-limit or --no-rate-limit, not both.');
    const body = {
      ...(values.name === undefined ? {} : { name: values.name }),
      ...keyFieldsOf(values),
      ...(values['any-network'] ? { networks: null } : {}),
      ...(values['no-rate-limit'] ? { rate_limit: null } : {}),
    };
    if (Object.keys(body).length === 0) throw new UsageFault('Say what is to change.');
    const key = await gateway().ask<ChangedKey>({ method: 'PATCH', path, body });
    print(key, () => `${nameOf(key)} is changed. ${receiptLine(key.enforcement)}`);
  },
});

export const revoke = remoteCommand({
  summary: 'Ends a key for good; answers when every gateway refuses it',
  help: `portcullis api-keys revoke ID

The record stays, with who revoked it and when. A repeat answers with the first revocation. If it cannot be confirmed
everywhere, this says so with exit code 1: the key stays revoked, repeat it to have it confirmed.

Examples:
  portcullis api-keys revoke ${example}`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const path = `/v1/api-keys/${idOf(positionals[0], 'key')}`;
    const key = await gateway().ask<ChangedKey>({ method: 'DELETE', path });
    print(key, () => `${nameOf(key)} is revoked. ${receiptLine(key.enforcement)}`);
  },
});

export const disable = remoteCommand({
  summary: 'Stops a key until it is enabled again',
  help: `portcullis api-keys disable ID

By the time this answers every gateway refuses the key.

Examples:
  portcullis api-keys disable ${example}`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const path = `/v1/api-keys/${idOf(positionals[0], 'key')}/disable`;
    const key = await gateway().ask<ChangedKey>({ method: 'POST', path });
    print(key, () => `${nameOf(key)} is disabled. ${receiptLine(key.enforcement)}`);
  },
});

export const enable = remoteCommand({
  summary: 'Lets a disabled key work again',
  help: `portcullis api-keys enable ID

You must hold all that the key holds.

Examples:
  portcullis api-keys enable ${example}`,
  takes: ['ID'],
  async run({ positionals, gateway, print }) {
    const path = `/v1/api-keys/${idOf(positionals[0], 'key')}/enable`;
    const key = await gateway().ask<ChangedKey>({ method: 'POST', path });
    print(key, () => `${nameOf(key)} is enabled. ${receiptLine(key.enforcement)}`);
  },
});

const nameOf = ({ id, name }: ApiKeyRecord): string => `${id} (${clean(name)})`;
