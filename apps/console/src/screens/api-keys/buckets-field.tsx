import { useBucketNames } from '../../api/buckets';
import { RadiosField } from '../../ui/field';
import { LinesField } from '../../ui/lines-field';
import { SearchedChecks } from '../../ui/searched-checks';

type Buckets = 'all' | readonly string[];

/** Which buckets a grant is for. Those that this person may see are offered; any other is named. */
export function BucketsField({ value, onChange }: { value: Buckets; onChange: (buckets: Buckets) => void }) {
  const known = useBucketNames();
  return (
    <>
      <RadiosField
        label="Buckets"
        name="buckets"
        choices={[
          { id: 'all', label: 'All buckets', hint: 'Those that are made later too.' },
          { id: 'some', label: 'Specific buckets only' },
        ]}
        value={value === 'all' ? 'all' : 'some'}
        onChange={(scope) => onChange(scope === 'all' ? 'all' : [])}
      />
      {value !== 'all' && (
        <>
          {known.length > 0 && (
            <SearchedChecks
              label="Buckets that are there"
              name="buckets-known"
              choices={known.map((name) => ({ id: name, label: name }))}
              value={value.filter((name) => known.includes(name))}
              onChange={(now) => onChange([...value.filter((name) => !known.includes(name)), ...now])}
            />
          )}
          <LinesField
            label={known.length > 0 ? 'Other buckets' : 'Names of the buckets'}
            name="buckets-named"
            hint="One may be named before it is made."
            placeholder="reports"
            value={value.filter((name) => !known.includes(name))}
            onChange={(now) => onChange([...new Set([...value.filter((name) => known.includes(name)), ...now])])}
          />
        </>
      )}
    </>
  );
}
