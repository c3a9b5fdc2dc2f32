import { type EnforcementReceipt } from '@portcullis/contracts';
import { connect } from '../remote/gateway.js';
import { profileName, Profiles } from '../remote/profiles.js';
import { remoteCommand } from '../remote/remote-command.js';
import { GatewayRefusal } from '../remote/send.js';
import { SessionOver } from '../remote/session.js';
import { receiptLine } from '../remote/tables.js';

export const logout = remoteCommand({
  summary: 'Ends the session of a profile, everywhere',
  help: `portcullis logout [--profile NAME] [--local-only]

By the time this answers no gateway takes the session's tokens any more, wherever copies of them are. Address and e-mail
stay for the next login. With --local-only the tokens are only forgotten here, and no gateway is told: for one that is gone.

Examples:
  portcullis logout
  portcullis logout --profile prod`,
  options: { 'local-only': { type: 'boolean' } },
  async run({ values, env, print }) {
    const profiles = Profiles.of(env);
    const name = profileName(values.profile);
    const profile = profiles.read(name);
    if (!profile?.session) {
      print({ profile: name, signed_in: false }, () => 'Nobody is signed in.');
      return;
    }
    const enforcement = values['local-only'] ? null : await tell();
    await profiles.locked(() => {
      const now = profiles.read(name);
      if (now) profiles.write(name, { ...now, session: null });
    });
    print({ profile: name, signed_in: false, enforcement }, () =>
      enforcement
        ? `${profile.email} is signed out. ${receiptLine(enforcement)}`
        : `${profile.email} is signed out here.`,
    );

    async function tell(): Promise<EnforcementReceipt | null> {
      // By name: PORTCULLIS_TOKEN is no session of ours.
      const gateway = connect({ ...values, profile: name }, env, () => new Date());
      try {
        return (await gateway.ask<{ enforcement: EnforcementReceipt }>({ method: 'POST', path: '/v1/logout' }))
          .enforcement;
      } catch (error) {
        // It had ended before: there is nothing more to end.
        if (error instanceof SessionOver || (error instanceof GatewayRefusal && error.status === 401)) return null;
        throw error;
      }
    }
  },
});
