import { useState } from 'react';
import { useBucketNames } from '../../api/buckets';
import { RadiosField } from '../../ui/field';
import { LinesField } from '../../ui/lines-field';
import { SearchedChecks } from '../../ui/searched-checks';
import { type BucketChoice, chosen, namedOf, tickedOf, withNamed, withTicked } from './bucket-choice';

type Buckets = 'all' | readonly string[];

/** Which buckets a grant is for. Those that this person may see are offered; any other is named. */
export function BucketsField({ value, onChange }: { value: Buckets; onChange: (buckets: Buckets) => void }) {
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
      {value !== 'all' && <SomeBuckets value={value} onChange={onChange} />}
    </>
  );
}

function SomeBuckets({ value, onChange }: { value: readonly string[]; onChange: (buckets: string[]) => void }) {
  const known = useBucketNames();
  const [choice, setChoice] = useState<BucketChoice>({ ticked: value, named: [] });
  const choose = (now: BucketChoice) => {
    setChoice(now);
    onChange(chosen(now));
  };
  return (
    <>
      {known.length > 0 && (
        <SearchedChecks
          label="Buckets that are there"
          name="buckets-known"
          choices={known.map((name) => ({ id: name, label: name }))}
          value={tickedOf(choice, known)}
          onChange={(now) => choose(withTicked(choice, known, now))}
        />
      )}
      <LinesField
        label={known.length > 0 ? 'Other buckets' : 'Names of the buckets'}
        name="buckets-named"
        hint="One may be named before it is made."
        placeholder="reports"
        value={namedOf(choice, known)}
        onChange={(now) => choose(withNamed(choice, known, now))}
      />
    </>
  );
}
