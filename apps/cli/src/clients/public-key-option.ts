import { PublicKeyRefused, readPublicKey } from '@portcullis/credentials';
import { Refused, UsageFault } from '../command.js';
import { textOf } from '../remote/input.js';
import { type Options, type Values } from '../remote/remote-command.js';
import { GatewayRefusal } from '../remote/send.js';
import { generateInto } from '../sign/private-key.js';

export const publicKeyOptions = {
  'public-key': { type: 'string' },
  generate: { type: 'string' },
} as const satisfies Options;

export const publicKeyHelp = `  --public-key FILE          PEM, -----BEGIN PUBLIC KEY-----: RSA of 2048 bits and more, EC P-256, Ed25519 ("-": standard input)
  --generate FILE            makes an Ed25519 pair instead: the private key into FILE, new, of mode 0600, and nowhere else. It is
                             never sent or shown`;

/** As large as the API takes. */
const maxBytes = 8192;

/**
 * Has a public key registered: of a file, or of a pair that is made for it. A new private key is on disk before anything is asked for,
 * and is removed only where the gateway said that it did nothing: without an answer it may be the client's key by now.
 */
export async function registering<Reply>(
  values: Values<typeof publicKeyOptions>,
  register: (publicKey: string) => Promise<Reply>,
): Promise<Reply> {
  const { 'public-key': file, generate } = values;
  if ((file === undefined) === (generate === undefined))
    throw new UsageFault('Say which key: --public-key FILE, or --generate FILE to have a pair made.');
  if (file !== undefined) return register(await publicKeyIn(file));
  const path = generate ?? '';
  const pair = generateInto(path);
  try {
    return await register(pair.publicKey);
  } catch (error) {
    // A 4xx in other words than Portcullis's is a proxy's, such as 408 or 499, and may come after the change was made.
    const isRefused =
      error instanceof GatewayRefusal && error.status >= 400 && error.status < 500 && error.code !== 'unknown';
    // Before it asked anything, or after a clear no.
    if (isRefused || error instanceof UsageFault) {
      pair.drop();
      throw error;
    }
    const kept = `The private key is in ${path}: look whether it was registered before you remove it.`;
    if (error instanceof GatewayRefusal) throw error.adding(kept);
    if (error instanceof Refused) throw new Refused(`${error.message}\n${kept}`, error.exitCode);
    throw error;
  }
}

/** What the API would say of it is said here first: what is no public key does not leave this machine. */
async function publicKeyIn(path: string): Promise<string> {
  const text = await textOf(path, { maxBytes, what: 'The public key' });
  const named = path === '-' ? 'What came' : path;
  if (/PRIVATE KEY/.test(text))
    throw new Refused(`${named} is a private key, and was not sent. Its public half: openssl pkey -in FILE -pubout`);
  try {
    readPublicKey(text);
  } catch (error) {
    if (!(error instanceof PublicKeyRefused)) throw error;
    throw new Refused(`${named} cannot be registered. ${error.message}`);
  }
  return text;
}
