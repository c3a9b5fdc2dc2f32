import { type ApiKeyRecord } from '@portcullis/contracts';
import { UsageFault } from '../command.js';
import { many, remoteCommand, wholeNumber } from '../remote/remote-command.js';
import { type Issued, secretsHelp, secretsOptions, showOnce } from '../remote/secrets.js';
import { recordTable } from '../remote/tables.js';
import { keyFieldsOf, keyHelp, keyOptions } from './key-fields.js';

export const create = remoteCommand({
  summary: 'Issues a key and shows its secrets once',
  help: `portcullis api-keys create NAME --role R… | --permission P… [options]

  --form bearer|client_credentials|s3   how it is presented; several with commas (bearer)
${keyHelp}
  --service-account sa_…     whose it is, if not yours
  --expires-in-days N        1 to 365 (90)
  --no-expiry                it never ends by itself; not for s3
  --secrets-to FILE
  --idempotency-key K        a repeat with the same K makes no second key

${secretsHelp}

The form s3 is an access_key_id, a secret_access_key and the s3_endpoint that S3 tools go to. It needs a storage role, and ends.

Examples:
  portcullis api-keys create ci --role read
  portcullis api-keys create reports --form s3,bearer --role storage:object-read-only --bucket reports --secrets-to reports.json
  TOKEN=$(portcullis api-keys create job --permission counterparties:view --output json | jq -r .credentials.bearer_token)`,
  takes: ['NAME'],
  options: {
    ...keyOptions,
    ...secretsOptions,
    form: { type: 'string', multiple: true },
    'service-account': { type: 'string' },
    'expires-in-days': { type: 'string' },
    'no-expiry': { type: 'boolean' },
  },
  async run(call) {
    const { values, positionals } = call;
    const fields = keyFieldsOf(values);
    if (fields['roles'] === undefined && fields['permissions'] === undefined)
      throw new UsageFault('Say what it may do: --role or --permission. GET /v1/roles and /v1/permissions list them.');
    const body = {
      name: positionals[0],
      ...fields,
      ...(values.form ? { forms: many(values.form) } : {}),
      ...(values['service-account'] === undefined ? {} : { service_account_id: values['service-account'] }),
      ...expiryOf(values),
    };
    const gateway = call.gateway();
    const idempotencyKey = values['idempotency-key'];
    return showOnce(
      call,
      () => gateway.ask<ApiKeyRecord & Issued>({ method: 'POST', path: '/v1/api-keys', body, idempotencyKey }),
      (record) => recordTable(record, ['secrets']),
    );
  },
});

function expiryOf(values: { 'expires-in-days'?: string | undefined; 'no-expiry'?: boolean | undefined }): object {
  const days = values['expires-in-days'];
  if (values['no-expiry'] && days !== undefined) throw new UsageFault('--expires-in-days or --no-expiry, not both.');
  if (values['no-expiry']) return { expires_in_days: null };
  return days === undefined ? {} : { expires_in_days: wholeNumber(days, '--expires-in-days', { min: 1, max: 365 }) };
}
