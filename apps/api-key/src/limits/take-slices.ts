import { Injectable } from '@nestjs/common';
import { type ApiKey, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { type LedgerState, takeSlice } from '@portcullis/enforcement';
import { BudgetStore } from './budget.store.js';

/**
 * A gateway's turn with the budgets of its limited keys. The rules are `takeSlice`'s; here they find their row, under its lock. Whatever
 * replica answers, the row is the same.
 */
@Injectable()
export class TakeSlices {
  constructor(private readonly budgets: BudgetStore) {}

  async execute({ gateway, asks }: RequestOf<typeof ApiKey.takeSlices>): Promise<ReplyOf<typeof ApiKey.takeSlices>> {
    // The one that asks lives, whether or not it has a lease.
    if (asks.length === 0) return { gateways: Math.max(1, await this.budgets.gateways()), slices: [] };
    const asksByKey = new Map(asks.map((ask) => [ask.key, ask]));
    const reply: ReplyOf<typeof ApiKey.takeSlices> = { gateways: 1, slices: [] };
    await this.budgets.settle([...asksByKey.keys()], (budgets, { nowMs, gateways }) => {
      const ledgers = new Map<string, LedgerState>();
      reply.gateways = Math.max(1, gateways);
      for (const { keyId, limit, ledger: before } of budgets) {
        const ask = asksByKey.get(keyId);
        if (!ask) continue;
        const { ledger, slice } = takeSlice(
          before,
          { requests: limit.requests, perMs: limit.per_seconds * 1_000 },
          { holder: gateway, ask: { ...ask, spanMs: ask.span_ms }, nowMs, gateways: reply.gateways },
        );
        ledgers.set(keyId, ledger);
        const { granted, remaining, waitMs } = slice;
        reply.slices.push({ key: keyId, granted, remaining, wait_ms: waitMs });
      }
      return ledgers;
    });
    return reply;
  }
}
