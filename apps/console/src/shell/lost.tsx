import { useRouteError } from 'react-router';
import { ButtonLink } from '../ui/button';
import { Empty, ProblemNotice } from '../ui/notice';
import { Page } from '../ui/page';

/** No screen has this address, or one broke. */
export function Lost() {
  const error = useRouteError();
  return (
    <Page title={error === undefined || error === null ? 'No such page' : 'This page broke'}>
      {error !== undefined && error !== null && <ProblemNotice error={error} />}
      <Empty title="Nothing was changed by coming here">
        <ButtonLink href="/">To the overview</ButtonLink>
      </Empty>
    </Page>
  );
}
