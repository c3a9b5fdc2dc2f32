import { LineField } from '../../ui/field';
import { RecordForm, type RecordFormProps } from '../../ui/record-form';

/** An organization has a name, and nothing else that is written by hand. */
export function OrganizationForm({
  name,
  onChange,
  ...form
}: RecordFormProps & {
  name: string;
  onChange: (name: string) => void;
}) {
  return (
    <RecordForm {...form}>
      <LineField label="Name" name="name" isRequired maxLength={200} value={name} onChange={onChange} />
    </RecordForm>
  );
}
