import { SwitchField } from '../../ui/field';
import { NumberField } from '../../ui/number-field';
import { type RateLimit } from './key-draft';

/** At most so many requests in any span of so many seconds; null: as many as one likes. */
export function RateLimitField({
  value,
  onChange,
}: {
  value: RateLimit | null;
  onChange: (limit: RateLimit | null) => void;
}) {
  return (
    <div className="field">
      <SwitchField
        label="Limit how often it may call"
        value={value !== null}
        onChange={(isOn) => onChange(isOn ? { requests: 100, per_seconds: 1 } : null)}
      />
      {value && (
        <div className="row">
          <NumberField
            label="Requests"
            name="rate_limit.requests"
            min={1}
            max={1_000_000}
            value={value.requests}
            onChange={(requests) => onChange({ ...value, requests })}
          />
          <NumberField
            label="In any span of seconds"
            name="rate_limit.per_seconds"
            min={1}
            max={86_400}
            value={value.per_seconds}
            onChange={(per_seconds) => onChange({ ...value, per_seconds })}
          />
        </div>
      )}
    </div>
  );
}
