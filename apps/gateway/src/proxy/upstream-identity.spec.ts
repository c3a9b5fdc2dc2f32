import { type Principal } from '@portcullis/contracts';
import { generateSigningKey, verifyJwt } from '@portcullis/credentials';
import { UpstreamIdentity } from './upstream-identity.js';

const key = generateSigningKey();
const issuer = 'https://gate.test';

const principal: Principal = {
  kind: 'service_account',
  id: 'sa_1',
  organization_id: 'org_1',
  credential_id: 'key_1',
  roles: ['observer'],
  permissions: ['audit:view', 'counterparties:view', 'users:manage'],
  resources: {},
  networks: null,
  expires_at: null,
};
const compliance = { audience: 'upstream:compliance', permissions: ['counterparties:view', 'travelrule:manage'] };

function anIdentity() {
  const at = { ms: Date.parse('2026-11-24T12:00:00Z') };
  const identity = new UpstreamIdentity({ key, issuer, now: () => new Date(at.ms) });
  const verify = (token: string, audience = compliance.audience) =>
    verifyJwt(token, {
      typ: 'portcullis-identity+jwt',
      keys: (kid) => (kid === key.kid ? key.publicKey : undefined),
      issuer,
      audience,
      now: new Date(at.ms),
      maxLifetimeSeconds: 60,
    });
  return { at, identity, verify };
}

test('an upstream learns who calls, by which credential, and which of its own permissions that is worth', () => {
  const { identity, verify } = anIdentity();
  expect(verify(identity.token(principal, compliance))).toMatchObject({
    iss: issuer,
    aud: 'upstream:compliance',
    sub: 'sa_1',
    org: 'org_1',
    cid: 'key_1',
    permissions: ['counterparties:view'],
    act: { sub: 'key_1' },
  });
});

test('a person at a session acts for nobody, and a session without an organization names none', () => {
  const { identity, verify } = anIdentity();
  const claims = verify(identity.token({ ...principal, credential_id: 'tok_1', organization_id: null }, compliance));
  expect(claims).not.toHaveProperty('act');
  expect(claims).not.toHaveProperty('org');
});

test('a token for one upstream is none for another', () => {
  const { identity, verify } = anIdentity();
  const token = identity.token(principal, compliance);
  expect(() => verify(token, 'upstream:other')).toThrow();
  expect(identity.token(principal, { ...compliance, audience: 'upstream:other' })).not.toBe(token);
});

test('a token is used again while 30 seconds remain, and never after', () => {
  const { at, identity, verify } = anIdentity();
  const token = identity.token(principal, compliance);
  at.ms += 29_999;
  expect(identity.token(principal, compliance)).toBe(token);
  at.ms += 1;
  const next = identity.token(principal, compliance);
  expect(next).not.toBe(token);
  expect(verify(next).exp - at.ms / 1000).toBe(60);
});

test('a change of the principal or of the routes is in the very next token', () => {
  const { identity, verify } = anIdentity();
  identity.token(principal, compliance);
  expect(verify(identity.token({ ...principal, permissions: [] }, compliance))['permissions']).toEqual([]);
  const more = { ...compliance, permissions: ['audit:view'] };
  expect(verify(identity.token(principal, more))['permissions']).toEqual(['audit:view']);
});
