import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Identity } from '@portcullis/contracts';
import { Secret } from '@portcullis/credentials';
import { type IdentityHouse, openIdentity } from '../../spec/identity-house.js';
import { CreateOrganization } from '../organizations/create-organization.js';
import { AcceptInvitation } from './accept-invitation.js';
import { CreateUser } from './create-user.js';

/** As much of RFC 5321 as one mail takes; `refuse` answers every recipient with 550. */
class MailServer {
  readonly received: { from: string; to: string[]; data: string; login: string | null }[] = [];
  refuse = false;
  private constructor(private readonly server: Server) {}

  static async start(): Promise<MailServer> {
    const server = createServer();
    const mail = new MailServer(server);
    server.on('connection', (socket) => mail.talk(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return mail;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.close();
  }

  private talk(socket: Socket): void {
    const mail = { from: '', to: [] as string[], data: '', login: null as string | null };
    let inData = false;
    let rest = '';
    const say = (line: string) => socket.write(`${line}\r\n`);
    socket.setEncoding('utf8').on('error', () => undefined);
    say('220 spec');
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (inData && line === '.') {
          inData = false;
          this.received.push({ ...mail });
          say('250 kept');
        } else if (inData) mail.data += `${line}\n`;
        else if (/^EHLO/i.test(line)) socket.write('250-spec\r\n250 AUTH PLAIN\r\n');
        else if (/^AUTH PLAIN /i.test(line)) {
          mail.login = Buffer.from(line.slice(11), 'base64').toString();
          say('235 in');
        } else if (/^MAIL FROM/i.test(line)) {
          mail.from = line;
          say('250 ok');
        } else if (/^RCPT TO/i.test(line)) {
          mail.to.push(line);
          say(this.refuse ? '550 nobody here by that name' : '250 ok');
        } else if (/^DATA/i.test(line)) {
          inData = true;
          say('354 go on');
        } else if (/^QUIT/i.test(line)) {
          say('221 bye');
          socket.end();
        } else say('250 ok');
      }
    });
  }
}

let server: MailServer;
let house: IdentityHouse;
beforeAll(async () => {
  server = await MailServer.start();
  house = await openIdentity({
    mail: {
      url: Secret.of(`smtp://mailer:s3cret@127.0.0.1:${server.port}`),
      from: 'Portcullis <gate@gate.example>',
    },
  });
});
afterAll(async () => {
  await house.close();
  server.stop();
});
beforeEach(() => {
  server.received.length = 0;
  server.refuse = false;
});

const invite = (email: string, caller = house.signedIn()) =>
  house.get(CreateUser).execute(Identity.createUser.request.parse({ email, roles: ['viewer'] }), caller);
/** Undoes quoted-printable. */
const textOf = (data: string) =>
  data
    .replace(/=\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
const linkIn = (data: string) => /https:\S+#token=([\w-]{43})/.exec(textOf(data)) ?? [];

test('where a mail server is configured the link goes to its address, which can accept by it', async () => {
  const made = await invite('grace@example.com');
  expect(made.invitation_mail).toBe('sent');
  const [mail] = server.received;
  expect(mail).toMatchObject({ login: '\0mailer\0s3cret', to: ['RCPT TO:<grace@example.com>'] });
  expect(mail?.from).toContain('<gate@gate.example>');
  expect(textOf(mail?.data ?? '')).toContain('Subject: You are invited to Default');
  const [link, token = ''] = linkIn(mail?.data ?? '');
  expect(house.open(made.invitation_url!, Identity.createUser.subject)).toBe(link);
  const { subject } = Identity.acceptInvitation;
  const password = house.seal('a long enough pass phrase', subject);
  const accepted = await house
    .get(AcceptInvitation)
    .execute({ token: house.seal(token, subject), password }, house.caller());
  expect(accepted.id).toBe(made.id);
});

test('who was invited elsewhere too gets a link there, which whoever invites does not see', async () => {
  const { id } = await house.get(CreateOrganization).execute({ name: 'Acme & Co' }, house.signedIn());
  await invite('twice@example.com');
  const there = await invite('twice@example.com', house.signedIn({ organization_id: id }));
  expect([there.known, there.invitation_mail, there.invitation_url]).toEqual([true, 'sent', undefined]);
  expect(server.received.map(({ to }) => to)).toEqual(Array(2).fill(['RCPT TO:<twice@example.com>']));
  expect(linkIn(server.received[1]?.data ?? '')).toHaveLength(2);
});

test('a mail that is not taken is said, the person is there, and no secret is in the log', async () => {
  server.refuse = true;
  const made = await invite('nobody@example.com');
  expect([made.status, made.invitation_mail]).toEqual(['invited', 'failed']);
  const link = house.open(made.invitation_url!, Identity.createUser.subject);
  expect(house.mailFaults).toEqual(['an invitation could not be mailed: EENVELOPE 550']);
  for (const secret of [link, 's3cret', 'nobody@example.com']) expect(house.mailFaults.join()).not.toContain(secret);
});

test.each(['a@b.c,d@e.f', 'a@b.c d@e.f', '"x"@y.z', '<a@b.c>', 'a@b.c\r\nBcc: d@e.f', 'a@b@c.d', 'none'])(
  'an address such as %p, which a mail server could read as more than one, is none',
  (email) => {
    expect(Identity.createUser.request.safeParse({ email }).success).toBe(false);
  },
);
