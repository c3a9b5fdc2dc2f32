import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  KeyRefused,
  originOf,
  type SignatureAlgorithm,
  SignatureError,
  signedRequest,
  signRequest,
  type SignRequest,
} from '@portcullis/credentials';
import { type Command, exit, Refused, UsageFault } from '../command.js';
import { type Body, bodyOf, headersOf, methodOf, requestHelp, requestOptions } from './described-request.js';
import { readPrivateKey } from './private-key.js';
import { shellWord } from './shell-word.js';

export const sign: Command = {
  summary: 'Signs a request as a machine client: arguments for curl, or headers',
  help: `portcullis sign --client-id ID --key FILE METHOD [--data BODY] [options] URL

  --client-id ID             of the client: its client_id, not its id
  --key FILE                 its private key, PEM: PKCS#8, PKCS#1 or SEC1
${requestHelp}
  --algorithm A              rsa-pss-sha512, where an RSA key shall not sign by rsa-v1_5-sha256
  --format curl|headers|json what is printed (curl)

Signs by RFC 9421, needs no server and asks none. URL is what clients call the gateway (PORTCULLIS_PUBLIC_URL), whatever address it
is reached at, written as it will be sent, with %20 and the like. Covered are @method, @target-uri, Content-Digest where there is a body,
and every header that is given; a body without a Content-Type gets application/json. What is printed is good for 300 s, and once.

curl prints arguments quoted for a shell, so they go through eval; $(…) alone would cut them at every blank:
  eval "curl \$(portcullis sign …)"
headers prints a line each, for curl --header @- or a program. json is what POST /v1/clients/verify-signature takes: method, url,
headers, body_digest, and base, which is what was signed.

Exit 0: signed. 1: the key cannot be used. 2: the command line is not understood.

Examples:
  eval "curl -i $(portcullis sign --client-id $ID --key client.pem GET 'https://gate.example/v1/payments?limit=10')"
  eval "curl $(portcullis sign --client-id $ID --key client.pem POST --data '{"amount":"10.00"}' https://gate.example/v1/payments)"
  portcullis sign --client-id $ID --key client.pem --format headers GET $URL | curl --header @- $URL`,
  async run(args) {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...requestOptions,
        'client-id': { type: 'string' },
        key: { type: 'string' },
        algorithm: { type: 'string' },
        format: { type: 'string' },
      },
    });
    const [givenMethod, givenUrl, ...more] = positionals;
    if (more.length > 0) throw new UsageFault('It takes METHOD and URL and no more.');
    const format = formatOf(values.format);
    const keyid = clientIdOf(values['client-id']);
    const algorithm = algorithmOf(values.algorithm);
    const outgoing = { method: methodOf(givenMethod), url: urlOf(givenUrl), headers: sentHeaders(values.header ?? []) };
    if (values.key === undefined) throw new UsageFault('--key FILE is missing: the private key of the client.');
    const body = await bodyOf(values);
    refuseWhatIsNotSent(format, outgoing, body);
    if (body && !has(outgoing.headers, 'content-type')) outgoing.headers.push(['Content-Type', 'application/json']);
    const signed = signatureOf({
      ...requestOf(outgoing),
      ...(body === undefined ? {} : { body: body.bytes }),
      ...(algorithm === undefined ? {} : { algorithm }),
      keyid,
      key: readPrivateKey(values.key),
      created: new Date(),
      nonce: randomUUID(),
    });
    const headers = [...outgoing.headers, ...Object.entries(signed.headers)];
    switch (format) {
      case 'curl':
        process.stdout.write(`${curlArguments({ ...outgoing, headers, body })}\n`);
        break;
      case 'headers':
        process.stdout.write(headers.map(([name, value]) => `${name}: ${value}\n`).join(''));
        break;
      case 'json': {
        const { method, url } = outgoing;
        const digest = signed.headers['Content-Digest'];
        const body_digest = digest === undefined ? {} : { body_digest: digest };
        const told = { method, url, headers: byName(headers), ...body_digest, base: signed.base };
        process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
      }
    }
    return exit.ok;
  },
};

interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: [string, string][];
}

/** What curl would not send as it is signed. */
function refuseWhatIsNotSent(format: Format, { method, headers }: Outgoing, body: Body | undefined): void {
  if (format === 'curl' && method === 'HEAD' && body)
    throw new UsageFault('curl sends no body with HEAD: leave out --data, or take another method.');
  const [empty] = headers.find(([, value]) => value === '') ?? [];
  if (format === 'headers' && empty !== undefined)
    throw new UsageFault(
      `${empty} is empty, and curl --header @- would leave it out: give it a value, or use --format curl.`,
    );
}

/** All that is given is covered: whoever names a header here means it. */
function requestOf({ method, url, headers }: Outgoing): Pick<SignRequest, 'request' | 'components'> {
  const [, origin = '', rest = ''] = /^([^:]+:\/\/[^/?]+)(.*)$/.exec(url) ?? [];
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  return {
    request: signedRequest(originOf(origin), { method, target, rawHeaders: headers.flat() }),
    components: ['@method', '@target-uri', ...names].map((name) => `"${name}"`),
  };
}

function signatureOf(signing: SignRequest): ReturnType<typeof signRequest> {
  const { body, components = [] } = signing;
  try {
    return signRequest({
      ...signing,
      components: [...components, ...(body === undefined ? [] : ['"content-digest"'])],
    });
  } catch (error) {
    if (error instanceof KeyRefused || error instanceof SignatureError) throw new Refused(error.message);
    throw error;
  }
}

/** Every argument in quotes of its own, in which a shell leaves all as it is. */
function curlArguments({ method, url, headers, body }: Outgoing & { body: Body | undefined }): string {
  const data = body === undefined ? [] : dataArguments(body);
  // With --request HEAD curl waits for a body.
  const how = method === 'HEAD' ? ['--head'] : ['--request', method];
  const lines = headers.flatMap(([name, value]) => ['--header', value === '' ? `${name};` : `${name}: ${value}`]);
  // What was signed is what is sent: no dots taken out of the path, no brackets read as a pattern.
  return ['--path-as-is', '--globoff', ...how, ...lines, ...data, url].map(shellWord).join(' ');
}

/** Linux takes no argument of 128 KiB. */
const maxArgumentBytes = 100_000;

function dataArguments({ bytes, file }: Body): string[] {
  if (file !== null) return ['--data-binary', `@${file}`];
  const text = bytes.toString();
  const isText = !text.includes('\0') && Buffer.from(text).equals(bytes);
  if (!isText || bytes.length > maxArgumentBytes) {
    const why = isText ? `larger than ${maxArgumentBytes} bytes` : 'no text';
    throw new Refused(`This body is ${why}, and cannot be an argument: put it in a file, --data @FILE.`);
  }
  return ['--data-raw', text];
}

function byName(headers: readonly (readonly [string, string])[]): Record<string, string | string[]> {
  const found = new Map<string, [string, string[]]>();
  for (const [name, value] of headers) {
    const seen = found.get(name.toLowerCase());
    if (seen) seen[1].push(value);
    else found.set(name.toLowerCase(), [name, [value]]);
  }
  return Object.fromEntries(
    [...found.values()].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  );
}

/** Signature-Input, Signature and Content-Digest are made here. */
function sentHeaders(lines: readonly string[]): [string, string][] {
  const headers = headersOf(lines);
  for (const name of ['Signature-Input', 'Signature', 'Content-Digest']) {
    if (has(headers, name.toLowerCase())) throw new UsageFault(`${name} is made here, and cannot be given.`);
  }
  return headers;
}

function has(headers: readonly (readonly [string, string])[], name: string): boolean {
  return headers.some(([one]) => one.toLowerCase() === name);
}

function urlOf(given: string | undefined): string {
  if (given === undefined) throw new UsageFault('METHOD and URL are missing, or one of them.');
  // What has to be encoded would be encoded by whoever sends it, and then another URL was signed.
  if (!/^https?:\/\/[^/?]/i.test(given) || !URL.canParse(given))
    throw new UsageFault('URL is whole: https://gate.example/v1/payments.');
  if (!/^[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]+$/.test(given))
    throw new UsageFault(
      'URL is written as it is sent: encode blanks and the like (%20), and leave out what follows #.',
    );
  const { username, password } = new URL(given);
  if (username !== '' || password !== '') throw new UsageFault('URL has no user: the signature says who asks.');
  return given;
}

function clientIdOf(given: string | undefined): string {
  if (given === undefined) throw new UsageFault('--client-id ID is missing: portcullis clients show has it.');
  if (given.startsWith('cli_')) throw new UsageFault('--client-id is the client_id, a UUID, and not the id: cli_….');
  if (!/^[\x21-\x7e]{1,128}$/.test(given))
    throw new UsageFault('--client-id is a UUID: portcullis clients show has it.');
  return given;
}

const algorithms = ['rsa-v1_5-sha256', 'rsa-pss-sha512', 'ecdsa-p256-sha256', 'ed25519'] as const;

function algorithmOf(given: string | undefined): SignatureAlgorithm | undefined {
  const known = algorithms.find((name) => name === given);
  if (given !== undefined && known === undefined)
    throw new UsageFault(`--algorithm is one of ${algorithms.join(', ')}.`);
  return known;
}

type Format = 'curl' | 'headers' | 'json';

function formatOf(given = 'curl'): Format {
  if (given === 'curl' || given === 'headers' || given === 'json') return given;
  throw new UsageFault('--format is curl, headers or json.');
}
