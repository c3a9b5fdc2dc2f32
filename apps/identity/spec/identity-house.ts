import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import { Bus, EnforcementAuthority } from '@portcullis/bus';
import {
  ApiKey,
  type AuditEvent,
  type AuthenticatedCaller,
  type Caller,
  newId,
  type Operation,
  type Principal,
  Refusal,
  type RequestOf,
  type ResolvedKey,
  type Sealed,
  type TokenPair,
} from '@portcullis/contracts';
import {
  BcryptHash,
  generateSealingKey,
  KeyEncryption,
  publicSealingJwk,
  RoleTokenKeys,
  seal,
  Secret,
  sha256Hex,
  unseal,
} from '@portcullis/credentials';
import { PolicyFile } from '@portcullis/policy';
import { aCaller, specDatabase, specNatsUrl } from '@portcullis/testing';
import { identityDatabase, IdentityModule } from '../src/identity.module.js';
import { KeyDebtStore } from '../src/key-debts/key-debt.store.js';
import { KeyDebts } from '../src/key-debts/key-debts.js';
import { foundInstallation } from '../src/organizations/found-installation.js';
import { RoleTokenSettings } from '../src/role-tokens/role-token-settings.js';
import { SealingKeys } from '../src/sealing-keys.js';
import { SigningKeys } from '../src/signing-keys/signing-keys.js';
import { KeyRecords } from '../src/tokens/key-records.js';
import { TokenSettings } from '../src/tokens/token-pair.js';
import { InvitationMail, type MailSettings } from '../src/users/invitation-mail.js';

export const keyEncryption = KeyEncryption.parse('q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=');

export const administrator = { email: 'Ada@Example.com', password: Secret.of('correct horse battery staple') };

/** Of cost 4, to be quick. */
export const nodePassword = { text: 'hello', hash: '$2a$04$3f517hkwieV.AVQx6xrwL.qo4MypmXevj.A0T7AphGjSg4H7qLQpm' };

export const roleTokenKeys = RoleTokenKeys.parse('kX2vT9sQe7LwYb4NcR6mZp1HjD8fUgA3oViSxE5tBq0=');

const day = 86_400_000;

export const rotation = { periodMilliseconds: 30 * day, keepMilliseconds: day };

/** A clock that stands until it is moved. */
export class Clock {
  constructor(private milliseconds = Date.parse('2026-11-24T12:00:00.250Z')) {}

  now = (): Date => new Date(this.milliseconds);

  advance(seconds: number): void {
    this.milliseconds += seconds * 1000;
  }
}

const policyText = `version: 1
permissions: { "spec:view": Can view, "spec:manage": Can manage }
roles:
  viewer: { title: Viewer, inherits: [], permissions: ["spec:view"] }
  manager: { title: Manager, inherits: [viewer], permissions: ["spec:manage"] }
upstreams: {}
routes: []
`;

/** Identity as it runs, on real Postgres and NATS; the records of api-key, another service, are what the spec says. */
export async function openIdentity(
  given: { tokens?: Partial<TokenSettings>; roleTokens?: Partial<RoleTokenSettings>; mail?: MailSettings } = {},
) {
  const clock = new Clock();
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-identity-spec-'));
  const policyPath = join(folder, 'policy.yaml');
  writeFileSync(policyPath, policyText);
  const spec = await specDatabase({ ...identityDatabase, now: clock.now, connections: 8 });
  const { database } = spec;
  await foundInstallation(database, administrator);
  const bus = await Bus.connect('identity', specNatsUrl('identity'));
  const authority = new EnforcementAuthority(bus, {
    store: database.enforcement,
    leaseSeconds: 5,
    report: () => undefined,
  });
  const policy = await PolicyFile.open(policyPath);
  const signingKeys = new SigningKeys(database, keyEncryption, rotation);
  await signingKeys.rotate();
  const sealingKeys = new SealingKeys(keyEncryption);
  const tokens = new TokenSettings({
    issuer: 'https://gate.example',
    audience: 'https://gate.example',
    accessSeconds: 3600,
    refreshSeconds: 7200,
    overlapSeconds: 900,
    familySeconds: 2_592_000,
    ...given.tokens,
  });
  const roleTokens = new RoleTokenSettings({
    nodePassword: BcryptHash.parse(nodePassword.hash),
    keys: roleTokenKeys,
    maxSeconds: 86_400,
    familySeconds: 2 * 86_400,
    ...given.roleTokens,
  });
  const ownedKeys = new OwnedKeys();
  const keyDebts = new KeyDebts(ownedKeys as unknown as Bus, database, new KeyDebtStore(database), () => undefined);
  const mailFaults: string[] = [];
  const mail = new InvitationMail(given.mail ?? null, (line) => mailFaults.push(line));
  const keys = new Map<string, ResolvedKey>();
  const module = await Test.createTestingModule({
    imports: [
      IdentityModule.of({
        bus,
        database,
        authority,
        policy,
        signingKeys,
        sealingKeys,
        tokens,
        roleTokens,
        keyDebts,
        mail,
      }),
    ],
  })
    .overrideProvider(KeyRecords)
    .useValue({
      find: (id: string) => Promise.resolve(keys.get(id) ?? null),
      findByClientId: (clientId: string) =>
        Promise.resolve([...keys.values()].find((key) => key.client_id === clientId) ?? null),
    })
    .compile();
  const replyKey = generateSealingKey();
  const query = <Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> =>
    database.read((manager) => manager.query<Row[]>(sql, parameters));
  const [founder] = await query<{ user_id: string; organization_id: string }>(
    'select user_id, organization_id from membership',
  );
  if (!founder) throw new Error('nobody was founded');

  return {
    clock,
    database,
    authority,
    signingKeys,
    sealingKeys,
    tokens,
    keys,
    ownedKeys,
    keyDebts,
    mailFaults,
    query,
    get: <Provided>(token: new (...parts: never[]) => Provided): Provided => module.get(token),
    userId: founder.user_id,
    organizationId: founder.organization_id,

    /** Somebody who is nobody yet, at an address. */
    caller: (clientIp = '192.0.2.1'): Caller => {
      const caller = aCaller({}, { replyKey: publicSealingJwk(replyKey) });
      return { ...caller, principal: null, request: { ...caller.request, client_ip: clientIp } };
    },

    /** Somebody with a session, who holds what these roles and permissions give; the administrator as an owner unless given otherwise. */
    signedIn: (
      given: Partial<Principal> & { roles?: string[] } = {},
      request: { idempotencyKey?: string } = {},
    ): AuthenticatedCaller => {
      const { lattice } = policy.current;
      const { roles = ['owner'], permissions = [] } = given;
      const grant = lattice.grantKnown({ roles, permissions, buckets: 'all' });
      const principal = {
        id: founder.user_id,
        organization_id: founder.organization_id,
        ...given,
        roles,
        permissions: lattice.names(grant),
        resources: { buckets: 'all' as const },
      };
      return aCaller(principal, { replyKey: publicSealingJwk(replyKey), ...request });
    },

    /** A secret as the gateway seals it to identity. */
    seal: (text: string, subject: string): Sealed => ({
      sealed: seal(sealingKeys.published, text, subject),
    }),

    open: ({ sealed }: Sealed, subject: string): string => unseal(replyKey, sealed, subject),

    /** Both tokens of an answer, opened. */
    openPair: (pair: TokenPair, subject: string): { access: string; refresh: string } => ({
      access: unseal(replyKey, pair.access_token.sealed, subject),
      refresh: unseal(replyKey, pair.refresh_token.sealed, subject),
    }),

    events: async (action?: AuditEvent['action']): Promise<AuditEvent[]> => {
      const rows = await query<{ event: AuditEvent }>('select event from outbox order by id');
      return rows.map((row) => row.event).filter((event) => action === undefined || event.action === action);
    },

    close: async (): Promise<void> => {
      await policy.close();
      await bus.close();
      await spec.drop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The keys of owners as api-key would answer for them; `away` as it would not. */
class OwnedKeys {
  readonly connected = true;
  away = false;
  live: string[] = [];
  readonly asked: RequestOf<typeof ApiKey.revokeOwned>[] = [];

  call(operation: Operation, request: object): Promise<{ keys: string[] }> {
    if (this.away) return Promise.reject(new Refusal('unavailable', 'Away.'));
    if (operation.subject === ApiKey.revokeOwned.subject)
      this.asked.push(request as RequestOf<typeof ApiKey.revokeOwned>);
    return Promise.resolve({ keys: this.live });
  }
}

export type IdentityHouse = Awaited<ReturnType<typeof openIdentity>>;

export const clientSecret = 'S'.repeat(48);

/** A key of the administrator with a client secret, as api-key would answer it. */
export function aKey(
  house: Pick<IdentityHouse, 'userId' | 'organizationId' | 'clock'>,
  given: Partial<ResolvedKey> = {},
): ResolvedKey {
  const id = newId('key', house.clock.now());
  return {
    id,
    organization_id: house.organizationId,
    owner: { kind: 'user', id: house.userId },
    client_id: letters(id),
    roles: ['manager'],
    permissions: [],
    buckets: null,
    networks: null,
    rate_limit: null,
    status: 'active',
    expires_at: null,
    secrets: [
      {
        id: newId('sec', house.clock.now()),
        form: 'client_credentials',
        generation: 1,
        sha256: sha256Hex(clientSecret),
        expires_at: null,
      },
    ],
    ...given,
  };
}

/** 22 letters, different for different ids. */
const letters = (id: string): string => id.slice(-22).replace(/[0-9]/g, (digit) => 'abcdefghij'.charAt(Number(digit)));

/** The claims of a token, unverified. */
export const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

export const headerOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Record<string, unknown>;
