import { constants, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { ContentDigest } from '../content-digest.js';
import { jwsAlgorithms, type SignatureAlgorithm } from '../public-key.js';
import { type BareItem, type InnerList, parseItem, serialiseBare, serialiseMember } from '../structured-field.js';
import { KeyRefused, VerificationKey } from '../verification-key.js';
import { signatureBase } from './signature-base.js';
import { type CoveredComponent } from './signature-fields.js';
import { fieldLines, type SignedRequest } from './signed-request.js';

export interface SignRequest {
  /** As it will be sent, but for the headers that this adds. */
  readonly request: SignedRequest;
  /** The body's bytes, after content coding; leave out if there is no body. */
  readonly body?: string | Uint8Array;
  /** The client's `client_id`. */
  readonly keyid: string;
  /** A private key. */
  readonly key: KeyObject;
  /** That of the key unless set; of an RSA key `rsa-v1_5-sha256`. */
  readonly algorithm?: SignatureAlgorithm;
  readonly created: Date;
  readonly expires?: Date;
  readonly nonce?: string;
  readonly tag?: string;
  /** `sig` unless set. */
  readonly label?: string;
  /**
   * Component identifiers, each as RFC 9421 writes it: `"@query-param";name="Pet"`. Unless set: what must be covered, and
   * Content-Type and Date if the request has them.
   */
  readonly components?: readonly string[];
}

export interface SignedHeaders {
  /** What to add to the request: Content-Digest if there is a body without one, Signature-Input, Signature. */
  readonly headers: Readonly<Record<string, string>>;
  readonly base: string;
}

/** Signs a request (RFC 9421 section 3.1). Throws {@link KeyRefused} for a key that no verifier of ours would take. */
export function signRequest(signing: SignRequest): SignedHeaders {
  const { body, keyid, key, created, expires, nonce, tag, label = 'sig' } = signing;
  const algorithm = signing.algorithm ?? algorithmOf(key);
  const added: Record<string, string> = {};
  if (body !== undefined && fieldLines(signing.request.rawHeaders, 'content-digest').length === 0) {
    added['Content-Digest'] = String(ContentDigest.of(body));
  }
  const request = { ...signing.request, rawHeaders: [...signing.request.rawHeaders, ...Object.entries(added).flat()] };
  const components = (signing.components ?? componentsOf(request)).map(component);
  const input: InnerList = {
    items: components.map(({ name, parameters }) => ({ bare: { type: 'string', value: name }, parameters })),
    parameters: parametersOf({
      created: seconds(created),
      expires: expires && seconds(expires),
      nonce: nonce === undefined ? undefined : { type: 'string', value: nonce },
      keyid: { type: 'string', value: keyid },
      alg: { type: 'string', value: algorithm },
      tag: tag === undefined ? undefined : { type: 'string', value: tag },
    }),
  };
  const parameters = serialiseMember(input);
  const base = signatureBase(request, { components, parameters });
  const signature = serialiseBare({ type: 'bytes', value: signatureOver(base, key, algorithm) });
  return {
    headers: { ...added, 'Signature-Input': `${label}=${parameters}`, Signature: `${label}=${signature}` },
    base,
  };
}

function componentsOf({ rawHeaders }: SignedRequest): string[] {
  const fields = ['content-digest', 'content-type', 'content-encoding', 'date', 'x-org-id', 'idempotency-key'];
  const sent = fields.filter((name) => fieldLines(rawHeaders, name).length > 0);
  return ['@method', '@target-uri', ...sent].map((name) => `"${name}"`);
}

function component(identifier: string): CoveredComponent {
  const { bare, parameters } = parseItem(identifier, { duplicates: 'refuse' });
  if (bare.type !== 'string') throw new RangeError('A component identifier begins with a name in quotes.');
  return { name: bare.value, parameters, identifier };
}

function parametersOf(values: Readonly<Record<string, BareItem | undefined>>): ReadonlyMap<string, BareItem> {
  return new Map(Object.entries(values).flatMap(([name, bare]) => (bare === undefined ? [] : [[name, bare] as const])));
}

function seconds(time: Date): BareItem {
  return { type: 'integer', value: Math.floor(time.getTime() / 1000) };
}

function algorithmOf({ asymmetricKeyType: type }: KeyObject): SignatureAlgorithm {
  if (type === 'rsa') return 'rsa-v1_5-sha256';
  return type === 'ed25519' ? 'ed25519' : 'ecdsa-p256-sha256';
}

function signatureOver(base: string, key: KeyObject, algorithm: SignatureAlgorithm): Buffer {
  if (key.type !== 'private') throw new KeyRefused('A request is signed with a private key.');
  VerificationKey.of(jwsAlgorithms[algorithm], createPublicKey(key));
  const data = Buffer.from(base);
  switch (algorithm) {
    case 'rsa-v1_5-sha256':
      return sign('sha256', data, { key, padding: constants.RSA_PKCS1_PADDING });
    case 'rsa-pss-sha512':
      return sign('sha512', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 });
    case 'ecdsa-p256-sha256':
      return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
    case 'ed25519':
      return sign(null, data, key);
  }
}
