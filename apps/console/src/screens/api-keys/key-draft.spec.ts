import { type ApiKeyRecord } from '../../api/api-keys';
import { changeOf, createBody, draftOf, emptyDraft, metadataOf } from './key-draft';

const key: ApiKeyRecord = {
  id: 'key_1',
  name: 'ci',
  description: null,
  organization_id: 'org_1',
  owner: { kind: 'user', id: 'usr_1' },
  forms: ['bearer'],
  key_prefix: 'ptc_abc',
  client_id: null,
  access_key_id: null,
  roles: ['read', 'read-write'],
  permissions: [],
  buckets: ['reports', 'logs'],
  networks: null,
  rate_limit: { requests: 10, per_seconds: 1 },
  metadata: { team: 'payments' },
  status: 'active',
  created_at: '2026-01-01T00:00:00Z',
  created_by: 'usr_1',
  expires_at: null,
  revoked_at: null,
  revoked_by: null,
  enforced_at: null,
  last_used_at: null,
  last_used_ip: null,
  last_used_user_agent: null,
  secrets: [],
};

test('what is not said is left out, and "never" is said as null', () => {
  const body = createBody({ ...emptyDraft, name: ' ci ', expiresInDays: null }, false);
  expect(body).toEqual({
    name: 'ci',
    description: null,
    forms: ['bearer'],
    roles: [],
    permissions: [],
    expires_in_days: null,
    metadata: {},
  });
});

test('all that is said is sent', () => {
  const draft = {
    ...draftOf(key),
    description: 'builds',
    serviceAccount: 'sa_1',
    networks: ['10.0.0.0/8'],
    expiresInDays: 90,
  };
  expect(createBody(draft, true)).toEqual({
    name: 'ci',
    description: 'builds',
    forms: ['bearer'],
    roles: ['read', 'read-write'],
    permissions: [],
    buckets: ['reports', 'logs'],
    service_account_id: 'sa_1',
    networks: ['10.0.0.0/8'],
    rate_limit: { requests: 10, per_seconds: 1 },
    expires_in_days: 90,
    metadata: { team: 'payments' },
  });
});

test('a form that nothing was changed in changes nothing, whatever the order of its lists', () => {
  expect(changeOf(key, draftOf(key))).toEqual({});
  expect(changeOf(key, { ...draftOf(key), buckets: ['logs', 'reports'] })).toEqual({});
});

test('what is emptied is sent as empty', () => {
  const open = { ...key, networks: ['10.0.0.0/8'], description: 'x' };
  const draft = { ...draftOf(open), networks: [], description: ' ', rateLimit: null, metadata: '' };
  expect(changeOf(open, draft)).toEqual({ networks: null, description: null, rate_limit: null, metadata: {} });
});

test.each([
  ['', {}],
  [' {"a":[1]} ', { a: [1] }],
  ['[1]', undefined],
  ['null', undefined],
  ['{a:1}', undefined],
])('%j is metadata %j', (typed, value) => expect(metadataOf(typed)).toEqual(value));
