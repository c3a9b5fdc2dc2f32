import { createHmac, sign } from 'node:crypto';
import { generateSigningKey, type SigningKey, signJwt } from '@portcullis/credentials';

/** A token of one kind, and every way to get one wrong. */
export interface TokenKind {
  readonly typ: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export const issuer = 'https://gate.test';

/** Every kind of JWT that Portcullis signs, and the generic one: each is good for its own use only. */
export const types = [
  'at+jwt',
  'portcullis-refresh+jwt',
  'portcullis-identity+jwt',
  'portcullis-caller+jwt',
  'dpop+jwt',
  'JWT',
];

const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** Over honest claims unless `payload` says others; `sign` may do what it likes. */
function forged(header: unknown, signature: (input: string) => Buffer, payload: unknown): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signature(input).toString('base64url')}`;
}

/** By name: tokens that an attacker can make who has the public keys and one honest token. None may be accepted. */
export function forgedTokens({ typ, claims }: TokenKind, key: SigningKey): [name: string, token: string][] {
  const honest = { alg: 'ES256', kid: key.kid, typ };
  const stranger = generateSigningKey();
  const signed = (change: Record<string, unknown> = {}, as = typ) =>
    signJwt({ key: key.privateKey, kid: key.kid, typ: as, claims: { ...claims, ...change } });
  const honestly = (input: string) =>
    sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  const hmacWith = (secret: string | Buffer) => (input: string) => createHmac('sha256', secret).update(input).digest();
  const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const der = key.publicKey.export({ format: 'der', type: 'spki' });
  const now = Math.floor(Date.now() / 1000);
  return [
    ['alg none', forged({ ...honest, alg: 'none' }, () => Buffer.alloc(0), claims)],
    ['alg nOnE with a signature', forged({ ...honest, alg: 'nOnE' }, honestly, claims)],
    ['HS256 keyed with the public PEM', forged({ ...honest, alg: 'HS256' }, hmacWith(pem), claims)],
    [
      'HS256 keyed with that PEM without its line end',
      forged({ ...honest, alg: 'HS256' }, hmacWith(pem.trim()), claims),
    ],
    ['HS256 keyed with the public DER', forged({ ...honest, alg: 'HS256' }, hmacWith(der), claims)],
    ['HS256 keyed with the JWK', forged({ ...honest, alg: 'HS256' }, hmacWith(JSON.stringify(key.publicJwk)), claims)],
    ['another curve’s alg', forged({ ...honest, alg: 'ES384' }, honestly, claims)],
    ['alg in a list', forged({ ...honest, alg: ['ES256'] }, honestly, claims)],
    ['no kid', forged({ alg: 'ES256', typ }, honestly, claims)],
    ['a kid that is a path', forged({ ...honest, kid: '../../dev/null' }, honestly, claims)],
    ['a key of its own', forged({ ...honest, kid: stranger.kid, jwk: stranger.publicJwk }, honestly, claims)],
    ['an address of keys', forged({ ...honest, jku: 'https://evil.test/jwks.json' }, honestly, claims)],
    ['an unknown critical extension', forged({ ...honest, crit: ['x'], x: 1 }, honestly, claims)],
    ['the alg twice', forged(`{"alg":"none","alg":"ES256","kid":"${key.kid}","typ":"${typ}"}`, honestly, claims)],
    ['a claim twice', forged(honest, honestly, JSON.stringify(claims).replace('{', '{"sub":"root",'))],
    ['a signature of zeros', forged(honest, () => Buffer.alloc(64), claims)],
    ['a DER signature', forged(honest, (input) => sign('sha256', Buffer.from(input), key.privateKey), claims)],
    ['the signature of other claims', `${signed().slice(0, -86)}${signed({ sub: 'root' }).slice(-86)}`],
    ['padding', `${signed()}=`],
    ['a stranger under a known kid', signJwt({ key: stranger.privateKey, kid: key.kid, typ, claims })],
    ['four parts', `${signed()}.x`],
    ['nothing but dots', '..'],
    ['another issuer', signed({ iss: `${issuer}/` })],
    ['no issuer', signed({ iss: undefined })],
    ['another audience', signed({ aud: 'other' })],
    ['an audience that begins like ours', signed({ aud: `${String(claims['aud'])}/v1` })],
    ['an audience list with a number', signed({ aud: [claims['aud'], 1] })],
    ['no audience', signed({ aud: undefined })],
    ['an end in the past', signed({ iat: now - 50, nbf: now - 50, exp: now - 1 })],
    ['no end', signed({ exp: undefined })],
    ['an end in letters', signed({ exp: String(now + 60) })],
    ['a beginning in the future', signed({ nbf: now + 30 })],
    ['an issue in the future', signed({ iat: now + 30 })],
    ['no subject', signed({ sub: undefined })],
    ['no credential', signed({ cid: undefined })],
    ['no permissions', signed({ permissions: undefined })],
    ['permissions in one text', signed({ permissions: 'counterparties:view' })],
    ...types
      .filter((other) => other !== typ)
      .map((other): [string, string] => [`the type ${other}`, signed({}, other)]),
  ];
}
