import { ContentDigest } from '@portcullis/credentials';
import { exit, UsageFault } from '../command.js';
import { textOf } from '../remote/input.js';
import { remoteCommand } from '../remote/remote-command.js';
import { clean } from '../remote/tables.js';
import { bodyOf, headersOf, methodOf, requestHelp, requestOptions } from '../sign/described-request.js';

interface Explained {
  readonly valid: boolean;
  readonly keyid: string | null;
  readonly base: string | null;
  readonly component: string | null;
  readonly problems: readonly { readonly code: string; readonly component: string | null; readonly message: string }[];
}

const maxBytes = 65_536;

export const verifySignature = remoteCommand({
  summary: 'Says why a signed request is refused: the first component that differs, and the base',
  help: `portcullis clients verify-signature METHOD URL --header 'Name: value'… [--headers FILE] [--data BODY] [--base FILE]

${requestHelp}
  --headers FILE             more of them, a line each, as they were sent ("-": standard input)
  --base FILE                what your signer signed: the first line that differs is named

For a request that was refused, or before it is sent: nothing is claimed, and the signature stays good. Of the body only digests are
sent, made here, and no private key is asked for. The client must be of your organization.

Exit 0: a gateway would take the signature. Exit 1: it would not, and why.

Examples:
  portcullis clients verify-signature GET https://gate.example/v1/payments --headers request.txt
  portcullis sign --client-id $ID --key client.pem --format headers GET $URL | portcullis clients verify-signature GET $URL --headers -`,
  takes: ['METHOD', 'URL'],
  options: { ...requestOptions, headers: { type: 'string' }, base: { type: 'string' } },
  async run({ values, positionals, gateway, print }) {
    const [method, url] = positionals;
    if (values.headers === '-' && (values.data === '@-' || values.base === '-'))
      throw new UsageFault('Standard input is read once: for one of --headers, --data and --base.');
    const at = gateway();
    const file = values.headers;
    const lines = file === undefined ? [] : (await textOf(file, { maxBytes, what: 'The headers' })).split(/\r?\n/);
    const headers = headersOf([...(values.header ?? []), ...lines.filter((line) => line !== '')]);
    if (headers.length === 0) throw new UsageFault('Say what was sent: --header or --headers.');
    const body = await bodyOf(values);
    const base = values.base === undefined ? undefined : await textOf(values.base, { maxBytes, what: 'The base' });
    const explained = await at.ask<Explained>({
      method: 'POST',
      path: '/v1/clients/verify-signature',
      body: {
        method: methodOf(method),
        url,
        headers: grouped(headers),
        ...(body === undefined ? {} : { body_digest: String(ContentDigest.of(body.bytes, ['sha-256', 'sha-512'])) }),
        // A base has no line end after its last line; an editor makes one.
        ...(base === undefined ? {} : { base: base.replace(/\r?\n$/, '') }),
      },
    });
    print(explained, () => tableOf(explained));
    return explained.valid ? exit.ok : exit.refused;
  },
});

/** By name, lower case: what came on several lines is a list. */
function grouped(headers: readonly (readonly [string, string])[]): Record<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const lines = found.get(name.toLowerCase());
    if (lines) lines.push(value);
    else found.set(name.toLowerCase(), [value]);
  }
  return Object.fromEntries(found);
}

function tableOf({ valid, problems, base }: Explained): string {
  const said = problems.map(({ code, component, message }) => {
    const where = component === null ? '' : ` "${component}"`;
    return `${code}${where}: ${message}`;
  });
  const verdict = valid ? 'A gateway would take this signature, once.' : said.join('\n');
  const ours = base === null ? '' : `\n\nWhat a gateway takes it to be over:\n${base}`;
  return clean(`${verdict}${ours}`);
}
