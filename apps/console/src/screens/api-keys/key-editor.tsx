import { useQuery } from '@tanstack/react-query';
import { type KeyForm } from '../../api/api-keys';
import { catalogue } from '../../api/catalogue';
import { ChecksField, LineField } from '../../ui/field';
import { type RecordFormProps } from '../../ui/record-form';
import { effectivePermissions } from '../grant/effective-permissions';
import { type Bound, GrantFields } from '../grant/grant-fields';
import { BucketsField } from './buckets-field';
import { type KeyDraft, metadataOf } from './key-draft';
import { KeyRecordForm } from './key-record-form';
import { RateLimitField } from './rate-limit-field';

const forms = [
  { id: 'bearer', label: 'Bearer token', hint: 'Sent as it is with every request: curl, scripts, simple services.' },
  {
    id: 'client_credentials',
    label: 'Client id and secret',
    hint: 'For tokens of an hour, by OAuth 2.0 client credentials or POST /v1/authenticate.',
  },
  { id: 's3', label: 'S3 access key', hint: 'For any S3 tool. It needs a storage role, and an end.' },
];

/** The fields of a key, to create one and to edit one: what stays as it was made is said once, at the making. */
export function KeyEditor({
  draft,
  onChange,
  within,
  ...form
}: RecordFormProps & {
  draft: KeyDraft;
  onChange: (draft: KeyDraft) => void;
  isNew: boolean;
  within: readonly Bound[];
}) {
  const change = (some: Partial<KeyDraft>) => onChange({ ...draft, ...some });
  const reachesBuckets = useReachesBuckets(draft);
  return (
    <KeyRecordForm
      {...form}
      draft={draft}
      onChange={onChange}
      nameHint="What it is for, such as “CI of the settlement service”. One key for each service and environment."
      more={
        <>
          <RateLimitField value={draft.rateLimit} onChange={(rateLimit) => change({ rateLimit })} />
          <LineField
            label="Metadata"
            name="metadata"
            hint="Whatever you keep with it, as a JSON object. Nothing here is judged by it."
            placeholder='{ "team": "settlement" }'
            lines={2}
            mono
            validate={(typed) =>
              metadataOf(typed) === undefined ? 'This is no JSON object, such as { "team": "x" }.' : null
            }
            value={draft.metadata}
            onChange={(metadata) => change({ metadata })}
          />
        </>
      }
    >
      {form.isNew && (
        <ChecksField
          label="Forms"
          name="forms"
          hint="How it is presented. A key may have several, and is revoked in all of them at once."
          choices={forms}
          value={draft.forms}
          onChange={(chosen) => change(withForms(draft, chosen))}
        />
      )}
      <GrantFields draft={draft} onChange={change} within={within} />
      {reachesBuckets && <BucketsField value={draft.buckets} onChange={(buckets) => change({ buckets })} />}
    </KeyRecordForm>
  );
}

const withForms = ({ expiresInDays }: KeyDraft, chosen: readonly string[]): Partial<KeyDraft> => ({
  forms: chosen as KeyForm[],
  // With the s3 form a key has to end.
  ...(chosen.includes('s3') && expiresInDays === null && { expiresInDays: 90 }),
});

/** Whether a grant holds anything that is bound to buckets. */
export function useReachesBuckets(draft: KeyDraft): boolean {
  const held = effectivePermissions(draft, useQuery(catalogue.roles).data ?? []);
  const permissions = useQuery(catalogue.permissions).data ?? [];
  return permissions.some(({ name, resource }) => resource === 'bucket' && held.includes(name));
}
