import { Form } from 'react-aria-components';
import { Problem } from '../../api/problem';
import { Button, ButtonLink } from '../../ui/button';
import { LineField } from '../../ui/field';
import { ProblemNotice } from '../../ui/notice';

/** An organization has a name, and nothing else that is written by hand. */
export function OrganizationForm({
  name,
  onChange,
  verb,
  isPending,
  error,
  onSubmit,
  backTo,
}: {
  name: string;
  onChange: (name: string) => void;
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
      <LineField label="Name" name="name" isRequired maxLength={200} value={name} onChange={onChange} />
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
