import { ContentDigest, ContentDigestError } from '../content-digest.js';
import { sha256Hex } from '../api-key-format.js';
import { signatureBase } from './signature-base.js';
import { SignatureError } from './signature-error.js';
import { type RequestSignature } from './signature-fields.js';
import { fieldLines, type SignedRequest } from './signed-request.js';

/** How far `created` may be from our clock, either way. */
export const maxAgeSeconds = 300;

/** A signature whose rules are kept; its bytes are yet to be verified, and the body to be digested. */
export interface CheckedSignature {
  readonly base: string;
  /** What the body must have; null if the request has none and says nothing of one. */
  readonly digest: ContentDigest | null;
}

/**
 * Holds a signature to everything that needs no key: it covers what it must, it was made within
 * {@link maxAgeSeconds} of `now` and has not expired, each of its components is in the request, and the digest of a body
 * is one that counts. Throws {@link SignatureError}.
 *
 * It must cover `@method`; `@target-uri`, or `@authority` and `@path` and `@query`; `content-digest` if there is a body;
 * `x-org-id`, `idempotency-key` and `content-encoding` if the request has them. A component counts without parameters,
 * or with `bs`: any other takes a part of the value, another spelling of it, or another message.
 */
export function checkSignature(request: SignedRequest, signature: RequestSignature, now: Date): CheckedSignature {
  for (const fault of [...timeFaults(signature, now), ...coverageFaults(request, signature)]) throw fault;
  return { base: signatureBase(request, signature), digest: digestOf(request, signature) };
}

/**
 * What a signature is claimed by so that it is good once: SHA-256, lower-case hex, of the keyid, NUL and the base. NUL is in
 * neither, so no two pairs have one text.
 */
export function replayKey(keyid: string, base: string): string {
  return sha256Hex(`${keyid}\0${base}`);
}

/** In the order in which a signer would mend them; empty if there is none. */
export function timeFaults({ created, expires }: RequestSignature, now: Date): SignatureError[] {
  const seconds = now.getTime() / 1000;
  const faults: SignatureError[] = [];
  const add = (code: 'created_missing' | 'too_old' | 'not_yet_valid' | 'expired', message: string) =>
    faults.push(new SignatureError(code, '@signature-params', message));
  // Written so that an invalid clock (NaN) refuses.
  if (created === null) add('created_missing', 'The signature does not say when it was created.');
  else if (!(seconds - created <= maxAgeSeconds)) add('too_old', `The signature is older than ${maxAgeSeconds} s.`);
  else if (!(created - seconds <= maxAgeSeconds)) add('not_yet_valid', 'The signature was created in the future.');
  if (expires !== null && !(seconds < expires)) add('expired', 'The signature has expired.');
  return faults;
}

export function coverageFaults(request: SignedRequest, { components }: RequestSignature): SignatureError[] {
  const covered = coveredNames(components);
  const faults: SignatureError[] = [];
  const demand = (name: string, why: string) => {
    if (!covered.has(name)) faults.push(new SignatureError('not_covered', name, `"${name}" must be covered: ${why}.`));
  };
  demand('@method', 'every signature says what is done');
  if (!covered.has('@target-uri')) {
    const parts = ['@authority', '@path', '@query'];
    const why = 'every signature names the whole target, by "@target-uri" or by "@authority", "@path" and "@query"';
    const some = parts.some((name) => covered.has(name));
    for (const name of some ? parts : ['@target-uri']) demand(name, why);
  }
  if (hasBody(request)) demand('content-digest', 'the request has a body');
  for (const name of ['x-org-id', 'idempotency-key', 'content-encoding']) {
    if (fieldLines(request.rawHeaders, name).length > 0) demand(name, 'the request has it');
  }
  return faults;
}

/** Throws {@link SignatureError} `bad_digest`. A digest that is not covered is anybody's, and not read. */
export function digestOf(request: SignedRequest, { components }: RequestSignature): ContentDigest | null {
  if (!coveredNames(components).has('content-digest')) return null;
  try {
    const digest = ContentDigest.read(fieldLines(request.rawHeaders, 'content-digest'));
    if (digest !== null || !hasBody(request)) return digest;
  } catch (cause) {
    if (!(cause instanceof ContentDigestError)) throw cause;
    throw new SignatureError('bad_digest', 'content-digest', `Content-Digest: ${cause.message}`, { cause });
  }
  throw new SignatureError('bad_digest', 'content-digest', 'Content-Digest has neither sha-256 nor sha-512.');
}

/** Those whose whole value, as it was sent, is signed. */
function coveredNames(components: RequestSignature['components']): ReadonlySet<string> {
  const whole = components.filter(({ parameters }) => [...parameters.keys()].every((key) => key === 'bs'));
  return new Set(whole.map(({ name }) => name));
}

/** Whether a body follows, or may: chunks have no length beforehand. */
function hasBody({ rawHeaders }: SignedRequest): boolean {
  return (
    fieldLines(rawHeaders, 'transfer-encoding').length > 0 ||
    fieldLines(rawHeaders, 'content-length').some((length) => !/^[ \t]*0+[ \t]*$/.test(length))
  );
}
