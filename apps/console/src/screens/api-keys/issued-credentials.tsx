import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { type Credentials } from '../../api/api-keys';
import { issuer } from '../../api/issuer';
import { Button, ButtonLink } from '../../ui/button';
import { CheckField } from '../../ui/check-field';
import { CopyText } from '../../ui/copy';
import { LeaveGuard } from '../../ui/leave-guard';
import { Notice } from '../../ui/notice';
import { Card, Facts, Page } from '../../ui/page';
import { Receipt } from '../../ui/receipt';
import { Time } from '../../ui/time';
import { ConfigurationTabs } from '../configuration/configuration-tabs';
import { configurationsOf } from './configurations';
import { type Issued } from './issued-key';

const names: readonly (readonly [keyof Credentials, string])[] = [
  ['bearer_token', 'Bearer token'],
  ['client_id', 'Client id'],
  ['client_secret', 'Client secret'],
  ['access_key_id', 'Access key id'],
  ['secret_access_key', 'Secret access key'],
  ['s3_endpoint', 'S3 endpoint'],
];

/**
 * The secrets of a key, once. Whoever shows it holds them in its own state and nowhere else, so that they go when the page goes; it is
 * not left before they are said to be kept.
 * @param place of the list that leads on
 * @param isNew whether nothing calls with the key yet
 */
export function IssuedCredentials({ of, place, isNew }: { of: Issued; place: string; isNew: boolean }) {
  const { id, name, credentials, enforcement, expires_at } = of;
  const [isSaved, setSaved] = useState(false);
  const navigate = useNavigate();
  const known = useQuery(issuer);
  const to = `${place}/${id}`;
  if (credentials.secret_already_shown) return <ShownAlready name={name} to={to} isNew={isNew} />;
  const configurations = configurationsOf(of, {
    gateway: location.origin,
    issuer: known.data ?? location.origin,
  });
  return (
    <Page
      title={credentials.secret_access_key === undefined ? 'Credentials created' : 'S3 credentials created'}
      about={
        <>
          Of <strong>{name}</strong>
          {expires_at === null ? (
            ', without an end.'
          ) : (
            <>
              , until they end <Time at={expires_at} />.
            </>
          )}
        </>
      }
    >
      <Notice tone="warn" title="They are shown this once">
        <p>Copy them now. Nobody can show them again, not even an administrator: whoever loses them rotates the key.</p>
      </Notice>
      {enforcement && <Receipt enforcement={enforcement} />}
      <Card title="Credentials">
        <Facts
          of={names.flatMap(([field, label]) => {
            const text = credentials[field];
            return typeof text === 'string' ? [[label, <CopyText key="" text={text} label={label} />] as const] : [];
          })}
        />
      </Card>
      <Card title="Ready to use">
        <ConfigurationTabs of={configurations} />
      </Card>
      <Card>
        <CheckField
          label="I have put them where they belong, such as a secret manager"
          value={isSaved}
          onChange={setSaved}
        />
        <div>
          <Button kind="primary" isDisabled={!isSaved} onPress={() => void navigate(to)}>
            Done
          </Button>
        </div>
      </Card>
      <LeaveGuard
        isOn={!isSaved}
        title="Leave without the credentials?"
        text="They are not shown again. If you have not copied them, the key has to be rotated to be of any use."
      />
    </Page>
  );
}

/** The first answer was lost on its way, and a repeat has no secrets. */
function ShownAlready({ name, to, isNew }: { name: string; to: string; isNew: boolean }) {
  return (
    <Page title={`${name} is there, without its secrets`}>
      <Notice tone="warn" title="The secrets were in an answer that did not arrive">
        <p>
          They were made, and nobody can show them again.{' '}
          {isNew
            ? 'Rotate the key without an overlap: it gets new ones, and the lost ones are refused.'
            : 'Rotate the key once more: it gets new ones, and what is in use now goes on to work for the overlap that you choose.'}
        </p>
      </Notice>
      <div className="row">
        <ButtonLink kind="primary" href={isNew ? `${to}/rotate?overlap=0` : `${to}/rotate`}>
          Rotate
        </ButtonLink>
        <ButtonLink href={to}>To the key</ButtonLink>
      </div>
    </Page>
  );
}
