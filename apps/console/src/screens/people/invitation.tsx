import { CopyButton } from '../../ui/copy';
import { Notice } from '../../ui/notice';
import { Time } from '../../ui/time';

export interface ShownInvitation {
  readonly invitation_url?: string;
  readonly invitation_expires_at?: string;
  readonly invitation_mail: 'sent' | 'failed' | null;
  readonly secret_already_shown?: true;
}

const mailed = (email: string) => ({
  sent: `It was mailed to ${email} as well.`,
  failed: `It could not be mailed to ${email}: hand the link over yourself.`,
  none: 'It was not mailed, since this installation sends no mail: hand the link over yourself.',
});

/** The link that somebody sets their first password with. It is in the answer that is shown, and nowhere else. */
export function Invitation({ of, email }: { of: ShownInvitation; email: string }) {
  const { invitation_url: url, invitation_mail: mail } = of;
  if (url === undefined)
    return (
      <Notice tone="warn" title={mail === 'sent' ? `An invitation was mailed to ${email}` : 'The link is not shown'}>
        {of.secret_already_shown
          ? 'It was shown already, when this was asked for the first time. If nobody has it, make a new invitation.'
          : mail !== 'sent' &&
            'They were invited by another organization, and the link from there counts. Whoever has it is that person.'}
      </Notice>
    );
  return (
    <Notice tone={mail === 'failed' ? 'warn' : 'accent'} title="One-time invitation link">
      <p>
        {mailed(email)[mail ?? 'none']} Whoever opens it sets the password: it is shown here once, works once, and ends{' '}
        <Time at={of.invitation_expires_at} />.
      </p>
      <p className="break">
        <code>{url}</code>
      </p>
      <div>
        <CopyButton text={url} label="Copy the invitation link" />
      </div>
    </Notice>
  );
}
