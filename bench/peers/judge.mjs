// Portcullis' decision on an API key, called in its own process as better-auth's is: headers read, digest compared, leases and
// markers asked, owner and permission checked. Authorities are stubs that answer once; then the record is in memory.
import { newId } from '@portcullis/contracts';
import { mintApiKey, NetworkList } from '@portcullis/credentials';
import { answer, Enforcer } from '@portcullis/enforcement';
import { Judge } from '../../apps/gateway/dist/judge/judge.js';
import { nodePolicy } from '../node-policy.mjs';
import { answerRounds } from './answer-rounds.mjs';

const clocks = () => ({ monotonicMs: performance.now(), wallMs: Date.now() });
const { lattice } = await nodePolicy();
const key = mintApiKey('ptc');
const organization = newId('org', new Date());
const person = newId('usr', new Date());
const roles = ['accountant'];
const position = { history: 'bench', seq: 0 };
const record = {
  id: newId('key', new Date()),
  organization_id: organization,
  owner: { kind: 'user', id: person },
  client_id: null,
  roles,
  permissions: [],
  buckets: null,
  networks: null,
  status: 'active',
  expires_at: null,
  secrets: [{ id: newId('sec', new Date()), form: 'bearer', sha256: key.sha256, expires_at: null }],
};
const owner = {
  id: person,
  kind: 'user',
  status: 'active',
  memberships: [{ organization_id: organization, roles, permissions: [] }],
};

const authorities = ['api-key', 'identity', 'client-registry'];
const enforcer = new Enforcer({ id: 'gw_bench', authorities, driftMs: 250, maxEntries: 100, maxNegativeEntries: 100 });
const rows = new Map();
let outgoing = enforcer.due(clocks());
while (outgoing.length > 0) {
  outgoing = outgoing.flatMap((sent) => {
    const view = { row: rows.get(sent.authority), head: { ...position }, markers: [], complete: true };
    const exchange = answer(view, sent.message, 3_600_000);
    if (exchange.write && exchange.write !== 'delete') rows.set(sent.authority, exchange.write);
    return enforcer.onReply(sent, exchange.reply, clocks());
  });
}

const judge = new Judge({
  enforcer,
  now: clocks,
  ask: (operation, request) =>
    Promise.resolve('lookup' in request ? { position, key: record } : { position, principal: owner }),
  lattice: () => lattice,
  apiKeyPrefixes: ['ptc'],
  trustedProxies: NetworkList.parse([]),
  issuer: 'http://127.0.0.1',
  audience: 'http://127.0.0.1',
});
const arrival = {
  requestId: 'req_1',
  method: 'GET',
  target: '/bytes/x',
  path: '/bytes/x',
  rawHeaders: [
    'Host',
    '127.0.0.1',
    'User-Agent',
    'bench',
    'Accept',
    '*/*',
    'Authorization',
    `Bearer ${key.text.reveal()}`,
  ],
  peer: '127.0.0.1',
};
answerRounds(1, async () => {
  if (judge.permit(await judge.identify(arrival), ['node:data:view']) !== null) throw new Error('the key was refused');
});
