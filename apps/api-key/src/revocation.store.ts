import { Injectable } from '@nestjs/common';
import { type OwedEvent } from '@portcullis/contracts';
import { type MarkerNotice } from '@portcullis/enforcement';
import { Database, unwaited } from '@portcullis/persistence';
import { type Revocation } from './api-key.store.js';

/** A revocation that was made just now, with what is to be broadcast of it. */
export type MadeRevocation = Revocation & { notice?: MarkerNotice };

interface RevokedRow {
  seq: string;
  first: boolean;
  enforced: boolean;
  history: string;
}

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
    const [row] = await this.database.write<RevokedRow>((statement) => {
      const [key, organization] = [statement.value(id), statement.value(organizationId)];
      return `
        with locked as (select id, revoked_at, revoked_seq, enforced_at from api_key
                         where id = ${key} and organization_id = ${organization} for update),
        live as (select id from locked where revoked_at is null),
        ${statement.mark('live', marker)},
        revoked as (update api_key key
                       set revoked_at = ${statement.value(this.database.now())}, revoked_by = ${statement.value(by)},
                           revoked_seq = marked.seq
                      from marked where key.id = ${key}),
        ${statement.owe('live', [event])}
        select coalesce(marked.seq, locked.revoked_seq) as seq, marked.seq is not null as first,
               locked.enforced_at is not null as enforced, position.history
          from locked left join marked on true cross join enforcement_position position`;
    });
    if (!row) return undefined;
    const { first, enforced, history } = row;
    const seq = Number(row.seq);
    return { seq, enforced, ...(first ? { notice: { history, markers: [{ seq, ...marker }] } } : {}) };
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
