import { type Limit, type Span, Spending } from './spending.js';

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
  /** How long until there is more: where nothing is free, until something is; else until what was spent first is past. */
  readonly waitMs: number;
}

/** All that is kept of one limited key. */
export interface LedgerState {
  readonly perMs: number;
  readonly spans: readonly Span[];
  /** When the first use after a rest was heard of. */
  readonly begunMs: number;
  readonly holders: Readonly<Record<string, Holder>>;
}

interface Holder {
  readonly used: number;
  readonly held: number;
  /** When its slice was charged. */
  readonly seenMs: number;
}

/** What a gateway may spend of a limit by itself: before it has heard from the authority, and while that is away. */
export const ownShare = ({ requests }: Limit, gateways: number): number =>
  Math.max(1, Math.floor(requests / Math.max(1, gateways)));

/**
 * One gateway's turn with the ledger of one key: what it used is booked, what it did not use is given back, and a new slice is charged
 * **before** it is spent. So in any span what passes is at most the limit, and what gateways held when it began; and what they
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
  const spending = new Spending(state?.spans);
  const isFirst = spending.advance(nowMs, perMs);
  const begunMs = isFirst || !state ? nowMs : state.begunMs;
  const holders: Record<string, Holder> = {};
  for (const [each, holder] of Object.entries(state?.holders ?? {})) {
    if (nowMs - holder.seenMs < 2 * perMs + sliceMs) holders[each] = holder;
  }

  const known = holders[name];
  const used = Math.max(0, ask.used - (known?.used ?? ask.acknowledged));
  const leftover = (known?.held ?? 0) - used;
  if (leftover > 0) spending.refund(leftover, known?.seenMs ?? nowMs);
  // However long it went on unheard, what it spent before that span is past.
  else spending.charge(Math.min(-leftover, ask.recent), nowMs - Math.min(ask.spanMs, perMs), nowMs, perMs);

  const isYoung = nowMs - begunMs < unreportedMs;
  const unheardOf = isYoung ? Math.max(0, gateways - Object.keys(holders).length - (known ? 0 : 1)) : 0;
  const presumed = unheardOf * ownShare(limit, gateways);
  const freeAt = (atMs: number): number => Math.max(0, Math.floor(requests - presumed - spending.spent(atMs, perMs)));
  // What falls free until the next turn is given in this one, and counts from when it falls free: else every span would be longer
  // by the time that it takes somebody to ask.
  const untilMs = nowMs + askEveryMs;
  const [freeNow, free] = [freeAt(nowMs), freeAt(untilMs)];
  const part = isYoung ? ownShare(limit, gateways) : Math.ceil(free / (2 * gateways));
  const size = gateways <= 1 ? free : Math.max(ask.want, part);
  const granted = ask.want === 0 ? 0 : Math.min(free, size);
  const ahead = Math.max(0, granted - freeNow);
  const waitMs = free > 0 ? spending.firstMs(nowMs, perMs) : spending.waitMs(requests - presumed - 1, untilMs, perMs);
  spending.charge(granted - ahead, nowMs, nowMs, perMs);
  spending.charge(ahead, nowMs, untilMs, perMs);

  holders[name] = { used: Math.max(ask.used, known?.used ?? 0), held: granted, seenMs: nowMs };
  return {
    ledger: { perMs, spans: spending.spans, begunMs, holders },
    slice: { granted, remaining: free - granted, waitMs: Math.max(1, Math.ceil(waitMs)) },
  };
}
