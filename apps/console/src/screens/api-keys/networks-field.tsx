import { LinesField } from '../../ui/lines-field';
import { networkOf } from '../grant/network-of';

/** Where a key may be used from; none: anywhere. */
export function NetworksField({
  value,
  onChange,
}: {
  value: readonly string[];
  onChange: (networks: string[]) => void;
}) {
  return (
    <LinesField
      label="Networks"
      name="networks"
      placeholder="203.0.113.7 or 10.0.0.0/8"
      hint={
        value.length === 0
          ? 'It may be used from anywhere. Name the networks that it is used from, and it is refused from all others.'
          : 'It may be used from these networks alone.'
      }
      mend={networkOf}
      value={value}
      onChange={onChange}
    />
  );
}
