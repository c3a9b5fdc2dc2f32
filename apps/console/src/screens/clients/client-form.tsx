import { useQuery } from '@tanstack/react-query';
import { catalogue } from '../../api/catalogue';
import { ChecksField, LineField, SwitchField } from '../../ui/field';
import { LinesField } from '../../ui/lines-field';
import { RecordForm, type RecordFormProps } from '../../ui/record-form';

export interface ClientDraft {
  readonly name: string;
  readonly networks: readonly string[];
  readonly roles: readonly string[];
  readonly enabled: boolean;
  /** Undefined: it has one already, which is changed by rotating. */
  readonly publicKey?: string;
}

/** The fields of a client, to create one and to edit one. */
export function ClientForm({
  draft,
  onChange,
  ...form
}: RecordFormProps & {
  draft: ClientDraft;
  onChange: (draft: ClientDraft) => void;
}) {
  const roles = useQuery(catalogue.roles).data ?? [];
  // Any role may be given; those made for clients come first, and those that it has are never left out.
  const offered = roles.filter(({ name }) => name.startsWith('layer1:role:') || draft.roles.includes(name));
  const anyWhere = draft.networks.some((network) => network.endsWith('/0'));
  return (
    <RecordForm {...form}>
      <LineField
        label="Name"
        name="name"
        hint="What people tell it by, such as “Production settlement”."
        isRequired
        maxLength={200}
        value={draft.name}
        onChange={(name) => onChange({ ...draft, name })}
      />
      <LinesField
        label="Network whitelist"
        name="networks"
        placeholder="203.0.113.7 or 10.0.0.0/8"
        hint={
          anyWhere
            ? 'It may call from anywhere. For production, name the networks that it calls from and remove the others.'
            : 'It may call from these networks alone.'
        }
        value={draft.networks}
        onChange={(networks) => onChange({ ...draft, networks })}
      />
      {draft.publicKey !== undefined && (
        <LineField
          label="Public key"
          name="public_key"
          hint="PEM, beginning with -----BEGIN PUBLIC KEY-----. The private half stays with you: it is never sent here."
          lines={6}
          mono
          isRequired
          value={draft.publicKey}
          onChange={(publicKey) => onChange({ ...draft, publicKey })}
        />
      )}
      <ChecksField
        label="Assign roles"
        name="roles"
        hint="Without a role that covers it, a call is answered 403."
        choices={offered.map(({ name, title }) => ({ id: name, label: name, hint: title }))}
        value={draft.roles}
        onChange={(chosen) => onChange({ ...draft, roles: chosen })}
      />
      <SwitchField
        label="Enabled"
        name="enabled"
        value={draft.enabled}
        onChange={(enabled) => onChange({ ...draft, enabled })}
      />
    </RecordForm>
  );
}
