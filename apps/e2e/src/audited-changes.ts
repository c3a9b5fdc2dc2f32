import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { Client, type HttpAnswer } from './client.js';

interface Listed {
  id: string;
  status: string;
  enforced_at: string | null;
  description?: string | null;
}

/** Something that can be made, and what may follow once on what was made. */
interface Kind {
  readonly path: string;
  readonly body: object;
  readonly made: string;
  readonly following: Readonly<Record<string, (path: string, send: Send) => Promise<HttpAnswer>>>;
  /** Of the following what has happened, by how it is listed. */
  readonly happened: (listed: Listed) => string | null;
}

type Send = (method: string, path: string, body?: object) => Promise<HttpAnswer>;

const publicKey = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
const narrowed = { description: 'narrowed', permissions: ['counterparties:view'] };

const kinds: readonly Kind[] = [
  {
    path: '/v1/api-keys',
    body: { permissions: ['counterparties:view', 'workflows:view'] },
    made: 'api-key.created',
    following: {
      'api-key.revoked': (path, send) => send('DELETE', path),
      'api-key.updated': (path, send) => send('PATCH', path, narrowed),
    },
    happened: ({ status, description }) => {
      if (status === 'revoked') return 'api-key.revoked';
      return description === narrowed.description ? 'api-key.updated' : null;
    },
  },
  {
    path: '/v1/service-accounts',
    body: { roles: ['observer'] },
    made: 'service-account.created',
    following: { 'service-account.disabled': (path, send) => send('POST', `${path}/disable`, {}) },
    happened: ({ status }) => (status === 'disabled' ? 'service-account.disabled' : null),
  },
  {
    path: '/v1/clients',
    body: { public_key: publicKey, roles: ['observer'] },
    made: 'client.created',
    following: { 'client.revoked': (path, send) => send('DELETE', path) },
    happened: ({ status }) => (status === 'revoked' ? 'client.revoked' : null),
  },
];

/** Every action that `AuditedChanges` has a hand in, for what is looked for in a record. */
export const auditedActions: ReadonlySet<string> = new Set([
  ...kinds.flatMap(({ made, following }) => [made, ...Object.keys(following)]),
  'revocation.enforced',
]);

/** What calls came to. `lost`: the connection ended without an answer, or that was 503: the change may have been made all the same. */
export interface Tally {
  acknowledged: number;
  lost: number;
  repeated: number;
}

/**
 * Changes of an installation that is in trouble, whose effects can be read back from the services by name: which of them were
 * acknowledged, and which have happened, acknowledged or not. Written down as `<action> <id>`.
 */
export class AuditedChanges {
  readonly tally: Tally = { acknowledged: 0, lost: 0, repeated: 0 };
  readonly acknowledged = new Set<string>();
  readonly #clients: readonly Client[];
  #calls = 0;

  /**
   * @param urls gateways to ask, each in turn
   * @param name begins the names of all that is made, and no others
   */
  constructor(
    urls: readonly string[],
    token: string,
    private readonly name: string,
  ) {
    this.#clients = urls.map((url) => new Client(url, token));
  }

  /** Makes something, and mostly does to it what can be done. Rejects for an answer that is neither done nor away. */
  async make(random: () => number): Promise<void> {
    const kind = kinds[Math.floor(random() * kinds.length)] as Kind;
    const body = { ...kind.body, name: `${this.name} ${randomUUID()}` };
    const id = await this.#change(random, 'POST', kind.path, body, kind.made);
    const names = Object.keys(kind.following);
    const next = names[Math.floor(random() * (names.length + 1))];
    if (id === null || next === undefined) return;
    const send: Send = async (method, path, sent) => this.#answer(method, path, sent, undefined);
    const answer = await kind.following[next]?.(`${kind.path}/${id}`, send).catch(() => null);
    this.#count(answer, `${next} ${id}`);
  }

  /** What has happened by what the services list, sorted, each as often as it must be in the record. */
  async effects(): Promise<string[]> {
    const all: string[] = [];
    for (const kind of kinds)
      for (const listed of await this.#list(kind.path)) {
        all.push(`${kind.made} ${listed.id}`);
        const happened = kind.happened(listed);
        if (happened === null) continue;
        all.push(`${happened} ${listed.id}`);
        // A change that was committed by a process that died then: another one confirms it, which takes its time.
        if (listed.enforced_at === null) throw new Error(`${happened} ${listed.id} is not confirmed yet`);
        all.push(`revocation.enforced ${listed.id}`);
      }
    return all.sort();
  }

  /** The id of what was made; null where there was no such answer. A lost one is asked for again under its key, mostly. */
  async #change(
    random: () => number,
    method: string,
    path: string,
    body: object,
    action: string,
  ): Promise<string | null> {
    const key = randomUUID();
    let answer = await this.#answer(method, path, body, key).catch(() => null);
    if (isAway(answer) && random() < 0.6) {
      this.tally.repeated += 1;
      answer = await this.#answer(method, path, body, key).catch(() => null);
    }
    const id = (answer?.json as { id?: string } | undefined)?.id ?? '';
    return this.#count(answer, `${action} ${id}`) ? id : null;
  }

  #count(answer: HttpAnswer | null | undefined, change: string): boolean {
    if (answer && answer.status < 300) {
      this.tally.acknowledged += 1;
      this.acknowledged.add(change);
      return true;
    }
    // 409: the call before it under the same key, or with the same name, was made or still runs.
    if (!isAway(answer) && answer?.status !== 409) throw new Error(`${change}: ${answer?.status} ${answer?.text}`);
    this.tally.lost += 1;
    return false;
  }

  #answer(method: string, path: string, body: object | undefined, key: string | undefined): Promise<HttpAnswer> {
    const client = this.#clients[this.#calls++ % this.#clients.length] as Client;
    const headers = { 'Content-Type': 'application/json', ...(key === undefined ? {} : { 'Idempotency-Key': key }) };
    return client.send(method, path, body && JSON.stringify(body), body === undefined ? {} : headers);
  }

  async #list(path: string): Promise<Listed[]> {
    const found: Listed[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query = new URLSearchParams({ q: `${this.name} `, limit: '100', ...(cursor === '' ? {} : { cursor }) });
      const answer = await this.#answer('GET', `${path}?${query.toString()}`, undefined, undefined);
      if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
      const page = answer.json as { items: Listed[]; next_cursor: string | null };
      found.push(...page.items);
      cursor = page.next_cursor;
    }
    return found;
  }
}

const isAway = (answer: HttpAnswer | null | undefined): boolean => !answer || answer.status === 503;
