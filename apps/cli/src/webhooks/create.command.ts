import { type WebhookRecord } from '@portcullis/contracts';
import { UsageFault } from '../command.js';
import { type Call, remoteCommand, wholeNumber } from '../remote/remote-command.js';
import { type Issued, secretsHelp, secretsOptions, showOnce } from '../remote/secrets.js';
import { recordTable } from '../remote/tables.js';
import { example, fieldHelp, fieldOptions, fieldsOf, pathOf } from './webhook-fields.js';

const defaultOverlapSeconds = '86400';
const maxOverlapSeconds = 7 * 86_400;

export const create = remoteCommand({
  summary: 'Has events sent to an https URL as they are kept, signed; the secret is shown once',
  help: `portcullis webhooks create NAME --to URL [--action A…] [--subject S…] [--secrets-to FILE]

Standard Webhooks (https://www.standardwebhooks.com): verify the raw body with the secret, drop ids that you had.

  --to URL                  https, of a host with public addresses; others where the operator allows it
${fieldHelp}
  --idempotency-key K        a repeat with the same K makes no second webhook

${secretsHelp}

Examples:
  portcullis webhooks create siem --to https://siem.example/portcullis --secrets-to siem.json
  portcullis webhooks create keys --to https://ops.example/keys --action 'api-key.*,client.*'`,
  takes: ['NAME'],
  options: { ...secretsOptions, ...fieldOptions, to: { type: 'string' } },
  async run(call) {
    const { values, positionals } = call;
    if (values.to === undefined) throw new UsageFault('Say where to: --to https://…');
    const body = { name: positionals[0], url: values.to, ...fieldsOf(values) };
    return shown(call, { path: '/v1/audit/webhooks', body });
  },
});

export const rotate = remoteCommand({
  summary: 'Gives a webhook another secret, shown once; the old one signs beside it for the overlap',
  help: `portcullis webhooks rotate ID [--overlap-seconds N] [--secrets-to FILE] [--idempotency-key K]

Both secrets sign for N seconds, a day unless given and at most seven (604800): time to bring the new one to the receiver. With 0 the old one
signs nothing any more.

${secretsHelp}

Examples:
  portcullis webhooks rotate ${example} --secrets-to new.json
  portcullis webhooks rotate ${example} --overlap-seconds 0`,
  takes: ['ID'],
  options: { ...secretsOptions, 'overlap-seconds': { type: 'string' } },
  async run(call) {
    const { values, positionals } = call;
    const given = values['overlap-seconds'] ?? defaultOverlapSeconds;
    const overlap_seconds = wholeNumber(given, '--overlap-seconds', { min: 0, max: maxOverlapSeconds });
    return shown(call, { path: `${pathOf(positionals[0])}/rotate`, body: { overlap_seconds } });
  },
});

type Made = WebhookRecord & { readonly secret?: string };

/** A repeat under its --idempotency-key is answered without the secret. */
function shown(call: Call<typeof secretsOptions>, { path, body }: { path: string; body: object }): Promise<number> {
  const gateway = call.gateway();
  const idempotencyKey = call.values['idempotency-key'];
  return showOnce(
    call,
    async (): Promise<WebhookRecord & Issued> => {
      const { secret, ...webhook } = await gateway.ask<Made>({ method: 'POST', path, body, idempotencyKey });
      return { ...webhook, credentials: secret === undefined ? { secret_already_shown: true } : { secret } };
    },
    (webhook) => recordTable(webhook),
  );
}
