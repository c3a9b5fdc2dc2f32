import { UsageFault } from '../command.js';
import { gatewayAddress } from '../remote/address.js';
import { organizationOf } from '../remote/gateway.js';
import { profileName, Profiles } from '../remote/profiles.js';
import { remoteCommand } from '../remote/remote-command.js';
import { openSession } from '../remote/session.js';
import { pipedSecret, typedLine, typedSecret } from '../secret-input.js';

const localGateway = 'http://127.0.0.1:8080';

export const login = remoteCommand({
  summary: 'Signs in at a gateway, for the commands that ask one',
  help: `portcullis login [--url URL] [--email E] [--profile NAME] [--password-stdin]

The password is asked for at the terminal and not shown; with --password-stdin it is all of standard input. It is never an
argument, where every user of the machine could read it.

Without --url: PORTCULLIS_URL, else where this profile was last signed in, else ${localGateway}. Without --email: that of
the profile, else it is asked for. --organization and --insecure-http are remembered with the profile.

The session is kept in ~/.config/portcullis/profiles.json (XDG_CONFIG_HOME), which this user alone can read, and is renewed
as commands need it. portcullis logout ends it.

Examples:
  portcullis login
  portcullis login --url https://gate.example.com --profile prod --email ada@example.com
  pass show gate | portcullis login --url https://gate.example.com --email ada@example.com --password-stdin`,
  options: { email: { type: 'string' }, 'password-stdin': { type: 'boolean' } },
  async run({ values, env, print }) {
    const profiles = Profiles.of(env);
    const name = profileName(values.profile);
    const before = profiles.read(name);
    const fromEnv = env['PORTCULLIS_URL'] || undefined;
    const known = values.profile === undefined ? (fromEnv ?? before?.url) : (before?.url ?? fromEnv);
    const chosen = values.url ?? known ?? localGateway;
    // Consent to clear text is for the address that it was given for.
    const insecure = values['insecure-http'] === true || (before?.insecure_http === true && chosen === before.url);
    const url = gatewayAddress(chosen, insecure);
    const organization = organizationOf(values.organization) ?? (before?.url === url ? before.organization : null);
    const email = values.email ?? before?.email ?? (await askEmail(values['password-stdin'] === true));
    const password = values['password-stdin'] ? await pipedSecret() : await askPassword(email, url);
    if (password === '') throw new UsageFault('The password is empty.');
    const session = await openSession(url, { email, password }, () => new Date());
    await profiles.locked(() => profiles.write(name, { url, email, organization, insecure_http: insecure, session }));
    if (env['PORTCULLIS_TOKEN'] || env['PORTCULLIS_TOKEN_FILE'])
      process.stderr.write('PORTCULLIS_TOKEN is set and comes before this session, unless --profile is given.\n');
    print({ profile: name, url, email, expires_at: session.expires_at }, () => `${email} is signed in at ${url}.`);
  },
});

function askEmail(isPiped: boolean): Promise<string> {
  if (isPiped || !process.stdin.isTTY) throw new UsageFault('Say who: --email E.');
  return typedLine('E-mail: ');
}

function askPassword(email: string, url: string): Promise<string> {
  if (!process.stdin.isTTY)
    throw new UsageFault('There is no terminal to ask for the password at: say --password-stdin and pipe it in.');
  return typedSecret(`Password of ${email} at ${url}: `);
}
