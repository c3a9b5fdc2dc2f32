import { LineField } from '../../ui/field';
import { RecordForm, type RecordFormProps } from '../../ui/record-form';
import { type GrantDraft, GrantFields } from '../grant/grant-fields';

export interface ServiceAccountDraft extends GrantDraft {
  readonly name: string;
  readonly description: string;
}

/** The fields of a service account, to create one and to edit one. */
export function ServiceAccountForm({
  draft,
  onChange,
  ...form
}: RecordFormProps & {
  draft: ServiceAccountDraft;
  onChange: (draft: ServiceAccountDraft) => void;
}) {
  return (
    <RecordForm {...form}>
      <LineField
        label="Name"
        name="name"
        hint="No other service account of the organization has it."
        isRequired
        maxLength={200}
        value={draft.name}
        onChange={(name) => onChange({ ...draft, name })}
      />
      <LineField
        label="Description"
        name="description"
        hint="What it does and whom to ask."
        lines={2}
        maxLength={500}
        value={draft.description}
        onChange={(description) => onChange({ ...draft, description })}
      />
      <GrantFields draft={draft} onChange={(grant) => onChange({ ...draft, ...grant })} />
    </RecordForm>
  );
}

/** As the API takes it. */
export const bodyOf = ({ name, description, roles, permissions }: ServiceAccountDraft) => ({
  name,
  description: description.trim() || null,
  roles: [...roles],
  permissions: [...permissions],
});
