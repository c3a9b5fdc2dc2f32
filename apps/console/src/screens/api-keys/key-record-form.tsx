import { type ReactNode } from 'react';
import { LineField } from '../../ui/field';
import { RecordForm, type RecordFormProps } from '../../ui/record-form';
import { ExpiryField } from './expiry-field';
import { type KeyDraft } from './key-draft';
import { NetworksField } from './networks-field';
import { OwnerField } from './owner-field';

/** A form with what every key has, whatever it may do. Owner and end stay as they were made: they are said at the making alone. */
export function KeyRecordForm({
  draft,
  onChange,
  isNew,
  nameHint,
  children,
  more,
  ...form
}: RecordFormProps & {
  draft: KeyDraft;
  onChange: (draft: KeyDraft) => void;
  isNew: boolean;
  nameHint: string;
  /** How it is presented, and what it may do. */
  children: ReactNode;
  /** What is said last. */
  more?: ReactNode;
}) {
  const change = (some: Partial<KeyDraft>) => onChange({ ...draft, ...some });
  return (
    <RecordForm {...form}>
      <LineField
        label="Name"
        name="name"
        hint={nameHint}
        isRequired
        maxLength={80}
        value={draft.name}
        onChange={(name) => change({ name })}
      />
      <LineField
        label="Description"
        name="description"
        lines={2}
        maxLength={500}
        value={draft.description}
        onChange={(description) => change({ description })}
      />
      {isNew && <OwnerField value={draft.serviceAccount} onChange={(serviceAccount) => change({ serviceAccount })} />}
      {children}
      <NetworksField value={draft.networks} onChange={(networks) => change({ networks })} />
      {isNew && (
        <ExpiryField
          value={draft.expiresInDays}
          onChange={(expiresInDays) => change({ expiresInDays })}
          canBeEndless={!draft.forms.includes('s3')}
        />
      )}
      {more}
    </RecordForm>
  );
}
