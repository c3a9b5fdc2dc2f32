import { createHash, randomUUID } from 'node:crypto';
import { type HttpAnswer } from './client.js';
import { type Key, made, type Pair, type World } from './world.js';

/** What a client sends: a GET with a credential. */
export interface Access {
  readonly path: string;
  readonly token: string;
  readonly headers?: Record<string, string>;
}

/** A credential that works, and how it is taken away. */
export interface Prepared {
  readonly accesses: readonly Access[];
  /** What they get once it is gone. */
  readonly afterwards: readonly number[];
  /** May be repeated: `attempt` counts from 1. */
  revoke(attempt: number): Promise<HttpAnswer>;
  /** Whether this answer promises that it is gone. */
  isDone(answer: HttpAnswer, attempt: number): boolean;
  /** The credential that asks is the one that goes: its repeat may be 401, which promises nothing. */
  readonly cannotRepeat?: boolean;
}

export interface Revocation {
  readonly name: string;
  /** Those that share one come one after the other. */
  readonly turn?: string;
  prepare(world: World): Promise<Prepared>;
}

/** 200 with a receipt that adds up. A repeat of an edit that came into force meanwhile has nothing to confirm. */
function hasReceipt({ status, json, text }: HttpAnswer, attempt: number): boolean {
  if (status !== 200) return false;
  const receipt = json.enforcement as { enforcers: number; acknowledged: number; fenced: number } | null | undefined;
  if (receipt === null && attempt > 1) return true;
  if (!receipt || receipt.acknowledged + receipt.fenced !== receipt.enforcers) throw new Error(`no receipt: ${text}`);
  return true;
}

/** Of a refresh token that is used once too often: it is refused, and its family is over. */
const isTheft = ({ status, json }: HttpAnswer): boolean => status === 401 && json.code === 'invalid_token';

const counterparties = (token: string): Access => ({ path: '/v1/counterparties', token });
const workflows = (token: string): Access => ({ path: '/v1/workflows', token });
const bytes = (token: string): Access => ({ path: '/bytes/ab', token });

const gone = { afterwards: [401], isDone: hasReceipt };
const denied = { afterwards: [403], isDone: hasReceipt };

const ofKeys: readonly Revocation[] = [
  {
    name: 'a key is revoked',
    prepare: async (world) => {
      const { id, credentials } = await world.key();
      const revoke = () => world.ask('DELETE', `/v1/api-keys/${id}`);
      return { accesses: [counterparties(credentials.bearer_token)], revoke, ...gone };
    },
  },
  {
    name: 'a key is revoked under the token that was got with it',
    prepare: async (world) => {
      const { key, pair } = await world.keyWithTokens();
      const revoke = () => world.ask('DELETE', `/v1/api-keys/${key.id}`);
      return { accesses: [counterparties(pair.access_token)], revoke, ...gone };
    },
  },
  {
    name: 'an imported key is revoked',
    prepare: async (world) => {
      const foreign = `acme_live_${randomUUID()}`;
      const sha256 = createHash('sha256').update(foreign).digest('hex');
      const keys = [{ sha256, prefix: 'acme_live_', name: 'imported', permissions: ['counterparties:view'] }];
      const { items } = await made<{ items: [Key] }>(() => world.ask('POST', '/v1/api-keys/import', { keys }));
      const [{ id }] = items;
      const revoke = () => world.ask('DELETE', `/v1/api-keys/${id}`);
      return { accesses: [counterparties(foreign)], revoke, ...gone };
    },
  },
  {
    name: 'a key that leaked is revoked by the text that it stands in',
    prepare: async (world) => {
      const token = (await world.key()).credentials.bearer_token;
      const revoke = () => world.ask('POST', '/v1/api-keys/leaks', { text: `TOKEN=${token}\n`, revoke: true });
      return { accesses: [counterparties(token)], revoke, ...gone };
    },
  },
  {
    name: 'a key is disabled',
    prepare: async (world) => {
      const { key, pair } = await world.keyWithTokens();
      const revoke = () => world.ask('POST', `/v1/api-keys/${key.id}/disable`);
      return { accesses: [key.credentials.bearer_token, pair.access_token].map(counterparties), revoke, ...gone };
    },
  },
  {
    name: 'a key is rotated without overlap',
    prepare: async (world) => {
      const { key, pair } = await world.keyWithTokens();
      const revoke = () => world.ask('POST', `/v1/api-keys/${key.id}/rotate`, { overlap_seconds: 0 });
      return { accesses: [key.credentials.bearer_token, pair.access_token].map(counterparties), revoke, ...gone };
    },
  },
  {
    name: 'a key’s grant is narrowed',
    prepare: async (world) => {
      const { id, credentials } = await world.key({ permissions: ['counterparties:view', 'workflows:view'] });
      const revoke = () => world.ask('PATCH', `/v1/api-keys/${id}`, { permissions: ['workflows:view'] });
      return { accesses: [counterparties(credentials.bearer_token)], revoke, ...denied };
    },
  },
  {
    name: 'a key’s networks are narrowed to others',
    prepare: async (world) => {
      const { id, credentials } = await world.key();
      const revoke = () => world.ask('PATCH', `/v1/api-keys/${id}`, { networks: ['192.0.2.0/24'] });
      return { accesses: [counterparties(credentials.bearer_token)], revoke, ...denied };
    },
  },
];

const ofOwners: readonly Revocation[] = [
  {
    name: 'a service account is disabled',
    prepare: async (world) => {
      const { id, key } = await world.serviceAccount();
      const revoke = () => world.ask('POST', `/v1/service-accounts/${id}/disable`);
      return { accesses: [counterparties(key.credentials.bearer_token)], revoke, ...gone };
    },
  },
  {
    name: 'a service account is deleted',
    prepare: async (world) => {
      const { id, key } = await world.serviceAccount();
      const revoke = () => world.ask('DELETE', `/v1/service-accounts/${id}`);
      return { accesses: [counterparties(key.credentials.bearer_token)], revoke, ...gone };
    },
  },
  {
    name: 'a service account’s grant is narrowed',
    prepare: async (world) => {
      const { id, key } = await world.serviceAccount();
      const grant = { roles: [], permissions: ['workflows:view'] };
      const revoke = () => world.ask('PATCH', `/v1/service-accounts/${id}`, grant);
      return { accesses: [counterparties(key.credentials.bearer_token)], revoke, ...denied };
    },
  },
  {
    name: 'an organization is suspended',
    prepare: async (world) => {
      const { id } = await made<{ id: string }>(() => world.ask('POST', '/v1/organizations', { name: randomUUID() }));
      const key = await world.key({}, id);
      const revoke = () => world.ask('POST', `/v1/organizations/${id}/suspend`);
      return { accesses: [counterparties(key.credentials.bearer_token)], revoke, ...gone };
    },
  },
  ...(
    [
      ['a person is removed from the organization', 'DELETE', undefined, gone],
      ['a person is disabled in the organization', 'PATCH', { status: 'disabled' }, gone],
      ['a person’s roles are narrowed', 'PATCH', { roles: ['observer'] }, denied],
    ] as const
  ).map(([name, method, body, afterwards]): Revocation => {
    const prepare = async (world: World): Promise<Prepared> => {
      const person = await world.person(['developer']);
      const session = (await world.signIn(person)).access_token;
      const given = { name: 'their own', permissions: ['workflows:view'] };
      const key = await made<Key>(() => world.askAs(session, 'POST', '/v1/api-keys', given));
      const revoke = () => world.ask(method, `/v1/users/${person.id}`, body);
      return { accesses: [session, key.credentials.bearer_token].map(workflows), revoke, ...afterwards };
    };
    return { name, prepare };
  }),
];

const ofSessions: readonly Revocation[] = [
  {
    name: 'a session is logged out',
    prepare: async (world) => {
      const { access_token: token } = await world.signIn(await world.person(['developer']));
      const revoke = () => world.askAs(token, 'POST', '/v1/logout');
      return { accesses: [workflows(token)], revoke, ...gone, cannotRepeat: true };
    },
  },
  {
    name: 'a person’s other sessions end with a new password',
    prepare: async (world) => {
      const person = await world.person(['developer']);
      const [kept, other] = [await world.signIn(person), await world.signIn(person)];
      const password = `another phrase ${randomUUID()}`;
      const change = (current_password: string) =>
        world.askAs(kept.access_token, 'POST', `/v1/users/${person.id}/password`, { password, current_password });
      // What was not confirmed is done: the new one is the current one by then.
      const revoke = async (attempt: number): Promise<HttpAnswer> => {
        const answer = await change(person.password);
        return attempt > 1 && answer.status === 401 ? change(password) : answer;
      };
      return { accesses: [workflows(other.access_token)], revoke, ...gone };
    },
  },
  {
    name: 'a person’s sessions end with a password that somebody else sets',
    prepare: async (world) => {
      const person = await world.person(['developer']);
      const { access_token: token } = await world.signIn(person);
      const password = `another phrase ${randomUUID()}`;
      const revoke = () => world.ask('POST', `/v1/users/${person.id}/password`, { password });
      return { accesses: [workflows(token)], revoke, ...gone };
    },
  },
  {
    name: 'a key’s refresh token is stolen, and used twice',
    prepare: async (world) => {
      const { pair } = await world.keyWithTokens();
      const last = await world.refresh(await world.refresh(pair));
      const revoke = () => world.reauthenticate(pair);
      return { accesses: [counterparties(last.access_token)], revoke, afterwards: [401], isDone: isTheft };
    },
  },
  {
    name: 'a session’s refresh token is stolen, and used twice',
    prepare: async (world) => {
      const pair = await world.signIn(await world.person(['developer']));
      const last = await world.refresh(await world.refresh(pair));
      const revoke = () => world.reauthenticate(pair);
      return { accesses: [workflows(last.access_token)], revoke, afterwards: [401], isDone: isTheft };
    },
  },
  {
    name: 'a pair whose answer was lost is replaced',
    prepare: async (world) => {
      const { pair } = await world.keyWithTokens();
      const lost = await world.refresh(pair);
      const revoke = () => world.reauthenticate(pair);
      // Of a repeat that comes too late the family dies, and with it this token as well.
      const isDone = (answer: HttpAnswer) => answer.status === 200 || isTheft(answer);
      return { accesses: [counterparties(lost.access_token)], revoke, afterwards: [401], isDone };
    },
  },
];

/** Of which one ends all that there are. */
const roleTokens = { turn: 'role tokens' };

const ofRoleTokens: readonly Revocation[] = [
  {
    name: 'a role token is revoked by its id',
    ...roleTokens,
    prepare: async (world) => {
      const { key, token_id } = await world.roleToken();
      const revoke = () => world.ask('POST', '/v1/role-tokens/revoke', { token_id });
      return { accesses: [bytes(key)], revoke, ...gone };
    },
  },
  {
    name: 'a role token is revoked with what was refreshed from it',
    ...roleTokens,
    prepare: async (world) => {
      const { key } = await world.roleToken();
      const refreshed = await made<{ key: string }>(() => world.askAs(key, 'POST', '/refresh', { expiry: 600 }));
      const revoke = () => world.ask('POST', '/v1/role-tokens/revoke', { token: key });
      return { accesses: [key, refreshed.key].map(bytes), revoke, ...gone };
    },
  },
  {
    name: 'all role tokens are revoked',
    ...roleTokens,
    prepare: async (world) => {
      const { key } = await world.roleToken();
      const revoke = () => world.ask('POST', '/v1/role-tokens/revoke', { all: true });
      return { accesses: [bytes(key)], revoke, ...gone };
    },
  },
  {
    name: 'a person’s role token ends with their password',
    ...roleTokens,
    prepare: async (world) => {
      const person = await world.person(['accountant']);
      const { key } = await world.roleToken(person.email, person.password);
      const password = `another phrase ${randomUUID()}`;
      const revoke = () => world.ask('POST', `/v1/users/${person.id}/password`, { password });
      return { accesses: [bytes(key)], revoke, ...gone };
    },
  },
];

/** A machine client, by the token that it got for its signed assertion: a signature itself passes once. */
const ofClients: readonly Revocation[] = [
  {
    name: 'a client is disabled',
    prepare: async (world) => {
      const { id, token } = await world.machine(['observer']);
      const revoke = () => world.ask('POST', `/v1/clients/${id}/disable`);
      return { accesses: [counterparties(token)], revoke, ...gone };
    },
  },
  {
    name: 'a client is ended',
    prepare: async (world) => {
      const { id, token } = await world.machine(['observer']);
      const revoke = () => world.ask('DELETE', `/v1/clients/${id}`);
      return { accesses: [counterparties(token)], revoke, ...gone };
    },
  },
  {
    name: 'a client’s roles are narrowed',
    prepare: async (world) => {
      const { id, token } = await world.machine(['observer', 'layer1:role:hook:viewer']);
      const revoke = () => world.ask('PATCH', `/v1/clients/${id}`, { roles: ['layer1:role:hook:viewer'] });
      return { accesses: [counterparties(token)], revoke, ...denied };
    },
  },
  {
    name: 'a client gives its token back',
    prepare: async (world) => {
      const { credentials } = (await world.keyWithTokens()).key;
      const { access_token: token } = await made<Pair>(() =>
        world.askForm('/oauth/token', { ...idOf(credentials), grant_type: 'client_credentials' }),
      );
      const revoke = () => world.askForm('/oauth/revoke', { ...idOf(credentials), token });
      return { accesses: [counterparties(token)], revoke, afterwards: [401], isDone: ({ status }) => status === 200 };
    },
  },
];

const idOf = ({ client_id, client_secret }: Key['credentials']) => ({ client_id, client_secret });

/** Every way to take something away that the API has. */
export const revocations: readonly Revocation[] = [
  ...ofKeys,
  ...ofOwners,
  ...ofSessions,
  ...ofRoleTokens,
  ...ofClients,
];
