import { type Secret } from '@portcullis/credentials';
import { createTransport, type Transporter } from 'nodemailer';

const patienceMilliseconds = 5_000;

export interface MailSettings {
  /** `smtp://` or `smtps://`, with a user and a password where the server wants them. */
  url: Secret;
  from: string;
}

/** Sends links to their addresses, where a mail server is configured. */
export class InvitationMail {
  private readonly transport: Transporter | null;

  constructor(
    private readonly settings: MailSettings | null,
    private readonly report: (line: string) => void,
  ) {
    this.transport =
      settings &&
      createTransport({
        url: settings.url.reveal(),
        connectionTimeout: patienceMilliseconds,
        greetingTimeout: patienceMilliseconds,
        socketTimeout: patienceMilliseconds,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
  }

  get isConfigured(): boolean {
    return this.settings !== null;
  }

  /** Never rejects: an invitation whose mail failed is there, and its link is in the answer or can be made anew. */
  async send(mail: { to: string; organization: string; url: Secret; expiresAt: string }) {
    if (!this.transport || !this.settings) return null;
    try {
      await this.transport.sendMail({
        from: this.settings.from,
        // An object, not a text: nothing in an address makes two of it.
        to: { name: '', address: mail.to },
        subject: `You are invited to ${mail.organization}`,
        text: [
          `You are invited to ${mail.organization}. Set your password here, once, before ${mail.expiresAt}:`,
          '',
          mail.url.reveal(),
          '',
          'Whoever has this link can act as you. If you expected no invitation, ignore it.',
          '',
        ].join('\n'),
      });
      return 'sent' as const;
    } catch (error) {
      // The code alone: a server's words may repeat the address or what it was sent.
      const { code, responseCode } = error as { code?: string; responseCode?: number };
      this.report(`an invitation could not be mailed: ${code ?? 'unknown'} ${responseCode ?? ''}`.trim());
      return 'failed' as const;
    }
  }
}
