import { type Limit, type Span, Spending } from './spending.js';

/** How long a slice is good. The gateway counts from when it asked, so it stops before the authority does. */
export const sliceMs = 500;
/** How often a gateway asks while it has something to say. */
export const askEveryMs = 100;
/** How long after a first use gateways that have not reported yet are presumed to have spent what each may spend unasked. */
const unreportedMs = 200;

/** More than an ask takes on a machine that is busy. */
const maxLateMs = 1_000;

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
  /** How long ago it refused the first of those that it refused since its last ask; 0: none. */
  readonly hungryMs: number;
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
  /** When it last had refused requests for want of more. */
  readonly hungryMs: number | null;
}

/** What a gateway may spend of a limit by itself: before it has heard from the authority, and while that is away. */
export const ownShare = ({ requests }: Limit, gateways: number): number =>
  Math.max(1, Math.floor(requests / Math.max(1, gateways)));

/**
 * One gateway's turn with the ledger of one key: what it used is booked, what it did not use is given back, and a new slice is charged
 * **before** it is spent. So in any span what passes is at most the limit, and what gateways held when it began; and what they
 * spent unasked (`ownShare` each, until their first report). Who has work gets twice what it had since it last asked, or
 * its part of what is free where that is more; the only gateway gets all.
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
  const leftover = Math.max(0, (known?.held ?? 0) - used);
  const overspent = Math.max(0, used - (known?.held ?? 0));
  // However long it went on unheard, what it spent before that span is past.
  spending.charge(Math.min(overspent, ask.recent), nowMs - Math.min(ask.spanMs, perMs), nowMs, perMs);
  // What is left goes back and is charged anew, so that what is held is never dated long before it is spent. Only who had to refuse
  // requests a moment ago keeps it as it is dated: it came late, and would have been spent. Were that moment a whole span, a refusal
  // and then a trickle would keep tokens until their charge is past, to be spent beside those of the next span.
  const hungryMs = ask.hungryMs > 0 ? nowMs : (known?.hungryMs ?? null);
  const isHungry = hungryMs !== null && nowMs - hungryMs < Math.min(perMs, maxLateMs) && ask.want > 0;
  const kept = isHungry ? leftover : 0;
  spending.refund(leftover - kept, known?.seenMs ?? nowMs);

  const isYoung = nowMs - begunMs < unreportedMs;
  const unheardOf = isYoung ? Math.max(0, gateways - Object.keys(holders).length - (known ? 0 : 1)) : 0;
  const presumed = unheardOf * ownShare(limit, gateways);
  const freeAt = (atMs: number): number => Math.max(0, Math.floor(requests - presumed - spending.spent(atMs, perMs)));
  // What fell free while requests were refused for want of it counts from then, late as it was asked for; and what falls free until
  // the next turn is given half in this one, and counts from when it does. Else every span would be longer by what asking takes.
  const untilMs = nowMs + askEveryMs / 2;
  const [freeNow, free] = [freeAt(nowMs), freeAt(untilMs)];
  const part = isYoung ? ownShare(limit, gateways) : Math.ceil(free / gateways);
  const size = gateways <= 1 ? free + kept : Math.max(ask.want, part);
  const added = ask.want === 0 ? 0 : Math.max(0, Math.min(free, size - kept));
  const ahead = Math.max(0, added - freeNow);
  const sinceMs = known && isHungry ? nowMs - known.seenMs : 0;
  const lateMs = nowMs - Math.min(Math.max(ask.hungryMs, sinceMs), perMs, maxLateMs);
  const late = Math.min(added - ahead, freeNow - freeAt(lateMs));
  const waitMs = free > 0 ? spending.firstMs(nowMs, perMs) : spending.waitMs(requests - presumed - 1, untilMs, perMs);
  spending.charge(late, lateMs, nowMs, perMs);
  spending.charge(added - ahead - late, nowMs, nowMs, perMs);
  spending.charge(ahead, nowMs, untilMs, perMs);

  const granted = kept + added;
  holders[name] = { used: Math.max(ask.used, known?.used ?? 0), held: granted, seenMs: nowMs, hungryMs };
  return {
    ledger: { perMs, spans: spending.spans, begunMs, holders },
    slice: { granted, remaining: free - added, waitMs: Math.max(1, Math.ceil(waitMs)) },
  };
}
