import { ButtonLink } from './button';
import { type Enforcement, Receipt } from './receipt';

/** What stands where a form was, once what it said is in force: the receipt, and the way on, which the keyboard is at. */
export function Saved({ enforcement, to, label }: { enforcement: Enforcement | null; to: string; label: string }) {
  return (
    <>
      <Receipt enforcement={enforcement} />
      <div>
        <ButtonLink href={to} autoFocus>
          {label}
        </ButtonLink>
      </div>
    </>
  );
}
