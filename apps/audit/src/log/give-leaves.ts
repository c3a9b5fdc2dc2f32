import { type AuditEvent } from '@portcullis/contracts';
import { sealEvent, type SealedEvent } from '../seal-event.js';
import { type EventStore } from '../event.store.js';
import { type Log } from './log.js';

const batchEvents = 1_000;

/**
 * Gives leaves to events that were kept without: all of them at the first start of this version, those that a process of the version
 * before keeps while it still runs beside this one. In the order of their indexes, under the log's lock, so two replicas give none twice.
 */
export async function giveLeaves(log: Log, events: EventStore, report: (line: string) => void): Promise<void> {
  let done = 0;
  for (;;) {
    const count = await log.locked(async (tx, head, given) => {
      if (given <= head.size) return 0;
      const rows = await events.from(tx.manager, head.size, batchEvents);
      const gap = rows.findIndex(({ index }, at) => index !== head.size + at);
      if (gap !== -1 || rows.length === 0)
        throw new Error(`there is no event of index ${head.size + Math.max(gap, 0)}: it was removed from the database`);
      const sealed = rows.map(({ event }) => sealKept(event));
      await events.seal(tx.manager, head.size, sealed);
      await log.grow(
        tx.manager,
        head,
        sealed.map(({ leafHash }) => leafHash),
      );
      return rows.length;
    });
    if (count === 0) break;
    done += count;
  }
  if (done > 0) report(`${done} events that were kept before have their place in the Merkle log now`);
}

/** What an older version kept need not have a canonical form; then its details are kept as the text that they are. */
function sealKept(event: AuditEvent): SealedEvent {
  for (const one of [event, { ...event, details: { as_written: JSON.stringify(event.details) } }]) {
    const result = sealEvent(one);
    if ('sealed' in result) return result.sealed;
  }
  throw new Error(`the event ${event.id} has no canonical form`);
}
