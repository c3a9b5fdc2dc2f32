import { Link, useRouteError } from 'react-router';
import { Button } from '../ui/button';
import { Empty, ProblemNotice } from '../ui/notice';
import { Page } from '../ui/page';

/** No screen has this address, or one broke: also by being asked for after the installation was given a newer console. */
export function Lost() {
  const error = useRouteError();
  const isBroken = error !== undefined && error !== null;
  return (
    <Page title={isBroken ? 'This page broke' : 'No such page'}>
      {isBroken && <ProblemNotice error={error} />}
      <Empty title="Nothing was changed by coming here">
        <div className="row">
          {isBroken && (
            <Button kind="primary" onPress={() => location.reload()}>
              Load it again
            </Button>
          )}
          <Link className="button" to="/">
            To the overview
          </Link>
        </div>
      </Empty>
    </Page>
  );
}
