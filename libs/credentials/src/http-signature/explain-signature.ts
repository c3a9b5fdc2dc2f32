import { type ContentDigest } from '../content-digest.js';
import { type PublicKey } from '../public-key.js';
import { verifySignature } from './algorithm.js';
import { coverageFaults, digestOf, timeFaults } from './check-signature.js';
import { signatureBase } from './signature-base.js';
import { SignatureError, type SignatureErrorCode } from './signature-error.js';
import { chooseSignature, keyidsOf, parseSignatures, type RequestSignature } from './signature-fields.js';
import { fieldLines, type Origin, type SignedRequest, signedRequest } from './signed-request.js';

/** A request as somebody tells of it who wonders why its signature was refused. */
export interface DescribedRequest {
  readonly method: string;
  /** The URL that it was sent to, or the target alone. */
  readonly url: string;
  /** By name, or name, value, name, value. */
  readonly headers: Readonly<Record<string, string | readonly string[]>> | readonly string[];
  /** Of the body that was sent; null if it had none. */
  readonly bodyDigest: ContentDigest | null;
}

export interface SignatureProblem {
  readonly code: SignatureErrorCode;
  readonly component: string | null;
  readonly message: string;
}

export interface SignatureExplanation {
  readonly label: string | null;
  readonly keyid: string | null;
  /** What we take the signature to be over; null if there is no such text. */
  readonly base: string | null;
  /** The first one first; empty if a gateway would take the signature. */
  readonly problems: readonly SignatureProblem[];
}

export interface Explaining {
  readonly origin: Origin;
  readonly now: Date;
  /** The key of a client whose requests may be explained to whoever asks. */
  readonly keyOf: (keyid: string) => PublicKey | undefined | Promise<PublicKey | undefined>;
}

/**
 * Tells what a gateway would say of a request, all of it rather than the first fault, and the base to compare with the
 * signer's own. It claims nothing and never throws for what is in the request.
 */
export async function explainSignature(
  described: DescribedRequest,
  { origin, now, keyOf }: Explaining,
): Promise<SignatureExplanation> {
  const problems: SignatureProblem[] = [];
  const attempt = <Value>(action: () => Value): Value | null => {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof SignatureError)) throw error;
      problems.push(problemOf(error));
      return null;
    }
  };
  const hints: SignatureProblem[] = [];
  const request = attempt(() => requestOf(described, origin, hints));
  const signatures = request && attempt(() => parseSignatures(request.rawHeaders));
  if (!signatures) return { label: null, keyid: null, base: null, problems: [...hints, ...problems] };

  const keys = new Map<string, PublicKey>();
  for (const keyid of keyidsOf(signatures)) {
    const key = await keyOf(keyid);
    if (key !== undefined) keys.set(keyid, key);
  }
  const chosen = attempt(() => chooseSignature(signatures, (keyid) => keys.has(keyid)));
  // Whoever asks about a wrong keyid still wants to see the rest.
  const signature = chosen ?? (signatures[0] as RequestSignature);
  problems.push(...[...timeFaults(signature, now), ...coverageFaults(request, signature)].map(problemOf));
  const base = attempt(() => signatureBase(request, signature));
  attempt(() => compareDigests(digestOf(request, signature), described.bodyDigest));
  const key = chosen?.keyid == null ? undefined : keys.get(chosen.keyid);
  const verified = base !== null && key !== undefined && attempt(() => verifySignature(signature, base, key)) !== null;
  // If the signature is right, so was what its maker took the target for.
  return { label: signature.label, keyid: signature.keyid, base, problems: [...(verified ? [] : hints), ...problems] };
}

function problemOf({ code, component, message }: SignatureError): SignatureProblem {
  return { code, component, message };
}

const absoluteUrl = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)(#.*)?$/s;

/** The request that a gateway would have seen, and in what a signer that reads the URL for itself may differ from it. */
function requestOf(described: DescribedRequest, origin: Origin, hints: SignatureProblem[]): SignedRequest {
  const { method, url, bodyDigest } = described;
  const differs = (component: string, message: string) => hints.push({ code: 'bad_component', component, message });
  let target = url;
  const [, scheme = '', authority = '', rest = '', fragment] = absoluteUrl.exec(url) ?? [];
  if (scheme !== '') {
    const reached = `${origin.scheme}://${origin.authority}`;
    if (scheme !== origin.scheme) differs('@scheme', `The scheme that counts is that of ${reached}.`);
    if (authority !== origin.authority) differs('@authority', `The host that counts is that of ${reached}.`);
    if (fragment !== undefined) differs('@target-uri', 'What follows # is not sent and must not be signed.');
    if (rest === '' || rest.startsWith('?')) differs('@target-uri', 'An empty path is signed as /.');
    target = rest.startsWith('/') ? rest : `/${rest}`;
    if (target.startsWith(`${origin.pathPrefix}/`)) target = target.slice(origin.pathPrefix.length);
    else differs('@path', `The path begins with ${origin.pathPrefix}/.`);
  }
  const rawHeaders = listOf(described.headers);
  const saysLength = ['content-length', 'transfer-encoding'].some((name) => fieldLines(rawHeaders, name).length > 0);
  // A client library adds the length where it sends; whoever describes the request may not know of it.
  if (bodyDigest !== null && !saysLength) rawHeaders.push('Transfer-Encoding', 'chunked');
  return signedRequest(origin, { method, target, rawHeaders });
}

function listOf(headers: DescribedRequest['headers']): string[] {
  if (isList(headers)) return [...headers];
  return Object.entries(headers).flatMap(([name, values]) =>
    typeof values === 'string' ? [name, values] : values.flatMap((value) => [name, value]),
  );
}

function isList(headers: DescribedRequest['headers']): headers is readonly string[] {
  return Array.isArray(headers);
}

function compareDigests(said: ContentDigest | null, had: ContentDigest | null): void {
  if (said === null) return;
  const mismatch = new SignatureError('bad_digest', 'content-digest', 'Content-Digest is not the digest of the body.');
  if (had === null) {
    if (!said.checker().matches()) throw mismatch;
    return;
  }
  const shared = [...said.digests].filter(([name]) => had.digests.has(name));
  if (!shared.every(([name, value]) => had.digests.get(name)?.equals(value))) throw mismatch;
  if (shared.length > 0) return;
  throw new SignatureError(
    'bad_digest',
    'content-digest',
    'The body digest is by another algorithm than Content-Digest.',
  );
}
