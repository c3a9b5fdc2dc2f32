import { useMay } from '../../api/me';
import { Skeleton } from '../../ui/notice';
import { Page } from '../../ui/page';
import { Denials } from './denials';
import { FirstSteps, useIsEmpty } from './first-steps';
import { Health } from './health';
import { KeysToLookAt } from './keys-to-look-at';
import { Policies } from './policies';
import './overview.css';

/** What needs somebody's eye, and how the stack is. */
export function Overview() {
  const may = useMay();
  const isEmpty = useIsEmpty();
  if (isEmpty === undefined)
    return (
      <Page title="Overview">
        <Skeleton lines={8} />
      </Page>
    );
  return (
    <Page title="Overview">
      {isEmpty && <FirstSteps />}
      <div className="overview">
        {may('apikeys:view') && (
          <>
            <KeysToLookAt
              title="Keys that expire within 14 days"
              filter="expiring_in_days"
              days={14}
              none="None: no active key expires within 14 days."
            />
            <KeysToLookAt
              title="Keys unused for 90 days"
              filter="unused_days"
              days={90}
              none="None: every active key was used within 90 days, or is younger."
            />
          </>
        )}
        {may('audit:view') && <Denials />}
        <Health />
        {may('policy:view') && <Policies />}
      </div>
    </Page>
  );
}
