import { type Limit, Spending, type SpendingState } from './spending.js';

/** How long a slice is good. The gateway counts from when it asked, so it stops before the authority does. */
export const sliceMs = 500;
/** How often a gateway asks while it has something to say. */
export const askEveryMs = 100;
/** How long after a first use gateways that have not reported yet are presumed to have spent what each may spend unasked. */
const unreportedMs = 200;

/** What a gateway says about one key. Counts go up from its start, so that a doubled or a lost message does no harm. */
export interface Ask {
  /** Requests that it let pass. */
  readonly used: number;
  /** `used` of the last ask that was answered. */
  readonly acknowledged: number;
  /** Of `used`, what was in the last span of the limit. */
  readonly recent: number;
  /** How long ago it let the first pass that is not acknowledged. */
  readonly spanMs: number;
  /** Requests it expects before it can ask again. 0: it hands back what it has. */
  readonly want: number;
}

/** What it may spend from the moment at which it asked; what is left of an earlier slice is in it. */
export interface Slice {
  readonly granted: number;
  /** What nobody holds, beyond this. */
  readonly remaining: number;
  /** How long until there is more: where nothing is free, until something is; else to the end of the window. */
  readonly waitMs: number;
}

/** All that is kept of one limited key. */
export interface LedgerState extends SpendingState {
  readonly perMs: number;
  /** When the first use after a rest was heard of. */
  readonly begunMs: number;
  readonly holders: Readonly<Record<string, Holder>>;
}

interface Holder {
  readonly used: number;
  readonly held: number;
  /** Begin of the window that the slice was charged to. */
  readonly chargedMs: number;
  readonly seenMs: number;
}

/** What a gateway may spend of a limit by itself: before it has heard from the authority, and while that is away. */
export const ownShare = ({ requests }: Limit, gateways: number): number =>
  Math.max(1, Math.floor(requests / Math.max(1, gateways)));

/**
 * One gateway's turn with the ledger of one key: what it used is booked, what it did not use is given back, and a new slice is charged
 * **before** it is spent. So in any window what passes is at most the limit, and what gateways held when it began; and what they
 * spent unasked (`ownShare` each, until their first report). Who has work gets twice what it had since it last asked, and a part of
 * what is free beside; the only gateway gets all.
 */
export function takeSlice(
  before: LedgerState | null,
  limit: Limit,
  { holder: name, ask, nowMs, gateways }: { holder: string; ask: Ask; nowMs: number; gateways: number },
): { ledger: LedgerState; slice: Slice } {
  const { requests, perMs } = limit;
  // Under another span of time the old counts say nothing.
  const state = before?.perMs === perMs ? before : null;
  const spending = new Spending(state ?? undefined);
  const isFirst = spending.advance(nowMs, perMs);
  const begunMs = isFirst || !state ? nowMs : state.begunMs;
  const holders: Record<string, Holder> = {};
  for (const [each, holder] of Object.entries(state?.holders ?? {})) {
    if (nowMs - holder.seenMs < 2 * perMs + sliceMs) holders[each] = holder;
  }

  const known = holders[name];
  const used = Math.max(0, ask.used - (known?.used ?? ask.acknowledged));
  const leftover = (known?.held ?? 0) - used;
  // However long it went on unheard, what it spent before that span is past.
  if (leftover < 0) spending.chargeLate(Math.min(-leftover, ask.recent), nowMs, ask.spanMs, perMs);
  else spending.refund(leftover, known?.chargedMs ?? 0, perMs);

  const isYoung = nowMs - begunMs < unreportedMs;
  const unheardOf = isYoung ? Math.max(0, gateways - Object.keys(holders).length - (known ? 0 : 1)) : 0;
  const presumed = unheardOf * ownShare(limit, gateways);
  const free = Math.max(0, Math.floor(requests - spending.spent(nowMs, perMs, askEveryMs) - presumed));
  const size =
    gateways <= 1 ? free : Math.max(ask.want, isYoung ? ownShare(limit, gateways) : Math.ceil(free / (2 * gateways)));
  const granted = ask.want === 0 ? 0 : Math.min(free, size);
  spending.charge(granted);
  const remaining = free - granted;
  const waitMs =
    free > 0
      ? spending.leftMs(nowMs, perMs)
      : Math.max(1, spending.waitMs(requests - presumed - 1, nowMs, perMs, askEveryMs));

  const { sinceMs, previous, current } = spending.state;
  holders[name] = { used: Math.max(ask.used, known?.used ?? 0), held: granted, chargedMs: sinceMs, seenMs: nowMs };
  return {
    ledger: { sinceMs, previous, current, perMs, begunMs, holders },
    slice: { granted, remaining, waitMs: Math.ceil(waitMs) },
  };
}
