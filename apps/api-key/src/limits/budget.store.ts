import { Injectable } from '@nestjs/common';
import { type RateLimit } from '@portcullis/contracts';
import { type LedgerState } from '@portcullis/enforcement';
import { Database } from '@portcullis/persistence';

/** A limited key's row, as it was when its lock was taken. */
export interface Budget {
  readonly keyId: string;
  readonly limit: RateLimit;
  readonly ledger: LedgerState | null;
}

/** The only file that knows the table of budgets. */
@Injectable()
export class BudgetStore {
  constructor(private readonly database: Database) {}

  /** Gateway processes that live. */
  gateways(): Promise<number> {
    return this.database.read(async (manager) => {
      const [row] = await manager.query<{ gateways: string }[]>(countLive);
      return Number(row?.gateways ?? 0);
    });
  }

  /**
   * Locks the budgets of these keys, hands over those that have a limit now, and writes what `settle` makes of them. Time is the
   * database's, so that replicas agree about it whatever their own clocks say.
   */
  settle(
    keyIds: readonly string[],
    settle: (budgets: readonly Budget[], at: { nowMs: number; gateways: number }) => ReadonlyMap<string, LedgerState>,
  ): Promise<void> {
    return this.database.transaction(async ({ manager }) => {
      // What a crash of Postgres may undo of a budget is half a second of it.
      await manager.query('set local synchronous_commit = off');
      const lock = (): Promise<Locked[]> => manager.query<Locked[]>(lockBudgets, [keyIds]);
      let rows = await lock();
      if (rows.length < keyIds.length) {
        const known = new Set(rows.map(({ key_id: keyId }) => keyId));
        await manager.query(addBudgets, [keyIds.filter((keyId) => !known.has(keyId))]);
        rows = await lock();
      }
      const [clock] = await manager.query<{ now_ms: string; gateways: string }[]>(
        `select extract(epoch from clock_timestamp()) * 1000 as now_ms, (${countLive}) as gateways`,
      );
      const ledgers = settle(
        rows.map(({ key_id: keyId, rate_limit: limit, ledger }) => ({ keyId, limit, ledger })),
        { nowMs: Number(clock?.now_ms), gateways: Number(clock?.gateways) },
      );
      await manager.query(
        `update budget set ledger = given.ledger::jsonb
           from unnest($1::text[], $2::text[]) as given (key_id, ledger) where budget.key_id = given.key_id`,
        [[...ledgers.keys()], [...ledgers.values()].map((ledger) => JSON.stringify(ledger))],
      );
    });
  }
}

interface Locked {
  key_id: string;
  rate_limit: RateLimit;
  ledger: LedgerState | null;
}

const countLive = `select count(*) as gateways from enforcer where state = 'live'`;

/** In the order of their ids, so that two gateways never wait for each other crosswise. */
const lockBudgets = `
  select budget.key_id, key.rate_limit, budget.ledger
    from budget join api_key key on key.id = budget.key_id
   where budget.key_id = any($1) and key.rate_limit is not null
   order by budget.key_id for update of budget`;

const addBudgets = `
  insert into budget (key_id) select id from api_key where id = any($1) and rate_limit is not null order by id
  on conflict do nothing`;
