import { Injectable } from '@nestjs/common';
import { type ApiKeyRecord, type OwedEvent } from '@portcullis/contracts';
import { type MarkerNotice } from '@portcullis/enforcement';
import { Database, unwaited } from '@portcullis/persistence';
import { ApiKeyEntity } from './api-key.entity.js';
import { type Revocation, type ShownSecret, shownSecrets, toRecord } from './api-key.store.js';

/** A revocation, and the key as it is with it; of one that was made just now, what is to be broadcast. */
export type MadeRevocation = Revocation & { record: ApiKeyRecord; notice?: MarkerNotice };

type RevokedRow = ApiKeyEntity & {
  seq: string;
  first: boolean;
  history: string;
  secrets: Record<keyof ShownSecret, string | null>[];
};

/** What a caller waits for who revokes a key: one statement to end it, one to note that it is ended everywhere. */
@Injectable()
export class RevocationStore {
  constructor(private readonly database: Database) {}

  /**
   * Revokes the key unless it is revoked, with its marker and `event`; a repeat answers the revocation that counts. Undefined: no such
   * key in the organization.
   */
  async revoke(organizationId: string, id: string, by: string, event: OwedEvent): Promise<MadeRevocation | undefined> {
    const marker = { scope: 'credential', id, effect: 'drop' } as const;
    const now = this.database.now();
    const [row] = await this.database.write<RevokedRow>((statement) => {
      const [key, organization, at] = [id, organizationId, now].map((value) => statement.value(value));
      return `
        with locked as (select * from api_key where id = ${key} and organization_id = ${organization} for update),
        live as (select id from locked where revoked_at is null),
        ${statement.mark('live', marker)},
        revoked as (update api_key key
                       set revoked_at = ${at}, revoked_by = ${statement.value(by)}, revoked_seq = marked.seq
                      from marked where key.id = ${key}),
        ${statement.owe('live', [event])},
        shown as (${shownSecrets(key ?? '', at ?? '')})
        select ${this.columns('locked')}, coalesce(marked.seq, locked.revoked_seq) as seq, marked.seq is not null as first,
               position.history, coalesce((select json_agg(shown) from shown), '[]') as secrets
          from locked left join marked on true cross join enforcement_position position`;
    });
    if (!row) return undefined;
    const { first, history, secrets, ...key } = row;
    const seq = Number(row.seq);
    const shown = secrets.map(({ created_at, expires_at, last_used_at, ...secret }) => ({
      ...(secret as Omit<ShownSecret, 'created_at' | 'expires_at' | 'last_used_at'>),
      created_at: new Date(created_at ?? NaN),
      expires_at: expires_at === null ? null : new Date(expires_at),
      last_used_at: last_used_at === null ? null : new Date(last_used_at),
    }));
    const revoked = first ? { ...key, revokedAt: now, revokedBy: by } : key;
    return {
      seq,
      enforced: key.enforcedAt !== null,
      record: toRecord(revoked, shown, now),
      ...(first ? { notice: { history, markers: [{ seq, ...marker }] } } : {}),
    };
  }

  /** All columns of a key, by the names that the entity has for them. */
  private columns(of: string): string {
    const { columns } = this.database.source.getMetadata(ApiKeyEntity);
    return columns.map(({ databaseName, propertyName }) => `${of}.${databaseName} as "${propertyName}"`).join(', ');
  }

  /**
   * Notes of these keys that every enforcer refuses them, with the event of each that was not noted before. Answers those, and since
   * when it is known. If the server crashes and the note with it, the revocation is found unconfirmed and confirmed again.
   */
  async noteEnforced(ids: readonly string[], events: readonly OwedEvent[]): Promise<ReadonlyMap<string, Date>> {
    const now = this.database.now();
    const rows = await this.database.write<{ id: string }>(
      (statement) => `
        with locked as (select id from api_key where id = any(${statement.value(ids)}) and enforced_at is null
                         -- so that two at once wait for one another and not each for the other
                         order by id for update),
        noted as (update api_key key set enforced_at = ${statement.value(now)} from locked where key.id = locked.id
                  returning key.id),
        ${statement.owe('noted', events)}
        select id, ${unwaited} from noted`,
    );
    return new Map(rows.map(({ id }) => [id, now]));
  }
}
