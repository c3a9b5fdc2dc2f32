import { Form } from 'react-aria-components';
import { Problem } from '../../api/problem';
import { Button, ButtonLink } from '../../ui/button';
import { LineField } from '../../ui/field';
import { ProblemNotice } from '../../ui/notice';
import { type GrantDraft, GrantFields } from '../grant/grant-fields';

export interface ServiceAccountDraft extends GrantDraft {
  readonly name: string;
  readonly description: string;
}

/** The fields of a service account, to create one and to edit one. */
export function ServiceAccountForm({
  draft,
  onChange,
  verb,
  isPending,
  error,
  onSubmit,
  backTo,
}: {
  draft: ServiceAccountDraft;
  onChange: (draft: ServiceAccountDraft) => void;
  verb: string;
  isPending: boolean;
  error: Error | null;
  onSubmit: () => void;
  backTo: string;
}) {
  return (
    <Form
      className="card"
      validationErrors={error instanceof Problem ? error.fields : {}}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
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
      {error && <ProblemNotice error={error} />}
      <div className="row">
        <Button kind="primary" type="submit" isPending={isPending}>
          {verb}
        </Button>
        <ButtonLink href={backTo}>Cancel</ButtonLink>
      </div>
    </Form>
  );
}

/** As the API takes it. */
export const bodyOf = ({ name, description, roles, permissions }: ServiceAccountDraft) => ({
  name,
  description: description.trim() || null,
  roles: [...roles],
  permissions: [...permissions],
});
