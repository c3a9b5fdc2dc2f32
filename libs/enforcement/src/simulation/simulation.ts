import { answer, decideFence, type Exchange, type FenceOrder } from '../authority.js';
import { Enforcer, type Outgoing, type Subject } from '../enforcer.js';
import {
  tag,
  type Ack,
  type AuthorityReply,
  type EnforcerMessage,
  type Marker,
  type MarkerNotice,
  type Tag,
} from '../messages.js';
import { PendingRevocation, SilenceWatch } from '../revocation.js';
import { type Backup, Database } from './database.js';
import { Machine, World } from './world.js';

/** Every rule that the protocol stands on. A run without one of them breaks it in the carrier, not in the files under test. */
export const rules = [
  'apply before the grant counts',
  'wait L from commit',
  'live before load',
  'commit-ordered seq',
  'seq on resolves',
  'the clock rule',
  'standing markers',
  'lease from sent',
  'acknowledge without gaps',
  'no fence over a running lease',
  'acknowledgements of one history',
  'wait L in a new history',
] as const;
export type Rule = (typeof rules)[number];

export interface Outcome {
  /** The first acceptance of something sent after its revocation was answered. */
  violation: string | undefined;
  accepted: number;
  refused: number;
  revocations: number;
  acknowledged: number;
  fenced: number;
  /** Revocations that a second replica had to finish. */
  takeOvers: number;
  /** Databases that were put back to an earlier point. */
  putBack: number;
}

const leaseMs = 1000;
const driftMs = 40;
const runMs = 9000;
const authorities = ['identity', 'api-key'] as const;
/** A partition need not be the same in both directions, and broadcasts can fail alone. */
const paths = ['up', 'down', 'notices', 'acks'] as const;
type Path = (typeof paths)[number];
type AuthorityName = (typeof authorities)[number];

/** One interleaving. The same seed is the same run, to the last message. */
export function simulate(seed: number, without?: Rule): Outcome {
  return new Simulation(seed, without).run();
}

interface Gateway {
  id: string;
  machine: Machine;
  enforcer: Enforcer<boolean>;
  /** Requests that wait for one resolve, as gateways join them. */
  asking: Map<string, Request[]>;
}

interface Request {
  gateway: Gateway;
  key: Key;
  sentMs: number;
  tries: number;
}

interface Key {
  id: string;
  organization: string;
  family: string;
}

interface Revocation {
  authority: AuthorityName;
  name: Tag;
  marker: Omit<Marker, 'seq'>;
  seq?: number;
  done: boolean;
  replica?: Replica;
}

interface Replica {
  machine: Machine;
  pending: Set<PendingRevocation>;
  /** The furthest acknowledgement of each enforcer, in memory: no database knows of it. */
  acknowledged: Map<string, Ack>;
  /** The history that it has seen last, and when first, by its own monotonic clock. */
  seen?: { history: string; atMs: number };
  watch: SilenceWatch;
}

class Simulation {
  readonly #world: World;
  readonly #without: Rule | undefined;
  readonly #databases: Record<AuthorityName, Database>;
  readonly #replicas: Record<AuthorityName, Replica[]>;
  readonly #gateways: Gateway[] = [];
  readonly #cut = new Set<string>();
  /** Since when a tag must be refused: the instant of the answer. */
  readonly #answeredMs = new Map<Tag, number>();
  readonly #busy = new Set<Tag>();
  readonly #keys: Key[] = [];
  readonly #revocations: Revocation[] = [];
  readonly #slots: number;
  #born = 0;
  readonly #outcome: Outcome = {
    violation: undefined,
    accepted: 0,
    refused: 0,
    revocations: 0,
    acknowledged: 0,
    fenced: 0,
    takeOvers: 0,
    putBack: 0,
  };

  constructor(seed: number, without: Rule | undefined) {
    const world = (this.#world = new World(seed));
    this.#without = without;
    const database = (): Database => new Database(world, without !== 'commit-ordered seq');
    this.#databases = { identity: database(), 'api-key': database() };
    this.#replicas = { identity: [], 'api-key': [] };
    for (const authority of authorities) for (let i = 0; i < 2; i++) this.#startReplica(authority, i);
    this.#slots = 1 + Math.floor(world.random() * 3);
    for (let i = 0; i < this.#slots; i++)
      world.after(i === 0 ? 0 : world.between(0, 2000), () => this.#startGateway(i));
    for (let i = 0; i < 6; i++) this.#keys.push(this.#newKey());
    this.#repeat(350, () => this.#revokeSomething());
    this.#repeat(400, () => this.#misfortune());
    this.#repeat(700, () => authorities.forEach((authority) => this.#databases[authority].prune()));
    if (world.chance(0.5)) return;
    this.#repeat(400, () => this.#databases[world.pick(authorities)!].backUp());
    this.#repeat(600, () => this.#putBack(world.pick(authorities)!));
  }

  run(): Outcome {
    this.#world.run(runMs, () => this.#outcome.violation !== undefined);
    return this.#outcome;
  }

  #repeat(everyMs: number, what: () => void): void {
    this.#world.after(this.#world.between(0, 2 * everyMs), () => {
      what();
      this.#repeat(everyMs, what);
    });
  }

  // Gateways

  #startGateway(slot: number): void {
    const world = this.#world;
    const id = `g${++this.#born}`;
    const gateway: Gateway = {
      id,
      machine: new Machine(world, this.#without !== 'the clock rule'),
      enforcer: new Enforcer({ id, authorities, driftMs, renewEveryMs: 200, maxEntries: 4, maxNegativeEntries: 2 }),
      asking: new Map(),
    };
    this.#gateways[slot] = gateway;
    const tick = (): void => {
      this.#send(gateway, gateway.enforcer.due(gateway.machine.clock()));
      gateway.machine.after(world.between(20, 60), tick);
    };
    gateway.machine.run(tick);
    const ask = (): void => {
      if (!gateway.machine.alive) return;
      const request = { gateway, key: this.#aim(), sentMs: world.now, tries: 0 };
      world.after(world.between(0, 5), () => gateway.machine.run(() => this.#decide(request)));
      world.after(world.between(5, 50), ask);
    };
    ask();
  }

  #send(gateway: Gateway, outgoing: Outgoing[]): void {
    for (const sent of outgoing) {
      const authority = sent.authority as AuthorityName;
      const replicas = this.#replicas[authority];
      const { message } = sent;
      if (message.kind === 'ack') {
        for (const replica of replicas) {
          this.#network('acks', gateway, authority, replica.machine, () => this.#heard(authority, replica, message));
        }
        continue;
      }
      const replica = this.#world.pick(replicas);
      if (!replica) continue;
      const { history } = this.#databases[authority];
      this.#network('up', gateway, authority, replica.machine, () => {
        // A database that is put back is away meanwhile: what was on its way to it is lost.
        if (history !== this.#databases[authority].history) return;
        this.#exchange(authority, replica.machine, sent.message, (reply, rest) => {
          this.#network('down', gateway, authority, gateway.machine, () => {
            if (!rest) return this.#receive(gateway, sent, reply);
            // The join and the load that one transaction did together: no renewal follows at once.
            gateway.enforcer.onReply(sent, reply, gateway.machine.clock());
            this.#receive(gateway, { ...sent, message: rest.message }, rest.reply);
          });
        });
      });
    }
  }

  #receive(gateway: Gateway, sent: Outgoing, reply: AuthorityReply): void {
    const { enforcer, machine } = gateway;
    const from = this.#without === 'lease from sent' ? { ...sent, sentAt: machine.clock() } : sent;
    if (this.#without === 'apply before the grant counts' && reply.kind === 'renewed' && reply.leaseMs > 0) {
      const { markers, ...grant } = reply;
      const seq = sent.message.kind === 'renew' ? sent.message.appliedThrough : 0;
      this.#send(gateway, enforcer.onReply(from, { ...grant, seq, markers: [] }, machine.clock()));
      const later = { history: grant.history, markers };
      machine.after(this.#world.between(0, 800), () => this.#notice(gateway, sent.authority as AuthorityName, later));
      return;
    }
    const shown = reply.kind === 'renewed' ? { ...reply, markers: this.#shown(reply.markers) } : reply;
    this.#send(gateway, enforcer.onReply(from, shown, machine.clock()));
  }

  #notice(gateway: Gateway, authority: AuthorityName, notice: MarkerNotice): void {
    const { enforcer, machine } = gateway;
    const markers = this.#shown(notice.markers);
    const outgoing = enforcer.onMarkers(authority, { ...notice, markers }, machine.clock());
    this.#send(gateway, outgoing);
    if (this.#without !== 'acknowledge without gaps') return;
    const { incarnation } = enforcer.status(machine.clock()).find((each) => each.authority === authority)!;
    const appliedThrough = Math.max(...notice.markers.map((marker) => marker.seq));
    const message = {
      kind: 'ack' as const,
      enforcerId: gateway.id,
      incarnation,
      appliedThrough,
      history: notice.history,
    };
    this.#send(gateway, [{ authority, sentAt: machine.clock(), message }]);
  }

  #shown(markers: Marker[]): Marker[] {
    if (this.#without !== 'standing markers') return markers;
    return markers.map((marker) => (marker.keepMs === undefined ? { ...marker, effect: 'drop' } : marker));
  }

  // Requests

  #aim(): Key {
    const world = this.#world;
    // Most of what is asked for is about to be revoked, or just was.
    const recent = this.#revocations.at(-1 - Math.floor(world.random() * 3));
    const hit = recent && this.#keys.filter((key) => tagsOf(key).includes(recent.name));
    return (hit && world.chance(0.7) ? world.pick(hit) : undefined) ?? world.pick(this.#keys)!;
  }

  #decide(request: Request): void {
    const { gateway, key } = request;
    const { enforcer, machine } = gateway;
    const now = machine.clock();
    const recalled = enforcer.recall(key.id, now);
    if (recalled.outcome === 'none') return this.#resolve(request);
    const subject: Subject = { tags: tagsOf(key), under: authorities };
    const clear = recalled.outcome === 'record' && recalled.record && enforcer.judge(subject, now).outcome === 'clear';
    if (!clear) {
      this.#outcome.refused += 1;
      return;
    }
    this.#accept(gateway, key, request.sentMs, 'request');
    if (this.#world.chance(0.05)) this.#stream(gateway, key, subject);
  }

  #stream(gateway: Gateway, key: Key, subject: Subject): void {
    let open = true;
    const attachment = gateway.enforcer.attach(subject, () => (open = false), gateway.machine.clock());
    const chunk = (left: number): void => {
      const sentMs = this.#world.now;
      gateway.machine.run(() => {
        if (!open || !attachment?.admits(gateway.machine.clock())) return;
        this.#accept(gateway, key, sentMs, 'chunk');
        if (left > 0) this.#world.after(this.#world.between(10, 500), () => chunk(left - 1));
        else attachment.release();
      });
    };
    chunk(6);
  }

  #resolve(request: Request): void {
    const { gateway, key } = request;
    const { enforcer, machine } = gateway;
    if (++request.tries > 3) return;
    const waiting = gateway.asking.get(key.id);
    if (waiting) {
      waiting.push(request);
      return;
    }
    const mine = [request];
    gateway.asking.set(key.id, mine);
    const forget = (): void => {
      if (gateway.asking.get(key.id) === mine) gateway.asking.delete(key.id);
    };
    machine.after(1200, forget);
    const replica = this.#world.pick(this.#replicas['api-key']);
    if (!replica) return;
    this.#network('up', gateway, 'api-key', replica.machine, () => {
      const { head, revoked } = this.#databases['api-key'];
      const active = !revoked.has(tag('credential', key.id));
      const at = this.#without === 'seq on resolves' ? { ...head, seq: Number.MAX_SAFE_INTEGER } : head;
      this.#network('down', gateway, 'api-key', machine, () => {
        forget();
        const tags = [tag('credential', key.id), tag('organization', key.organization)];
        const about = { authority: 'api-key', at, tags, under: ['identity'] };
        const kept = enforcer.remember(key.id, active, about, machine.clock());
        if (kept !== 'no-lease') for (const each of mine) this.#decide(each);
      });
    });
  }

  #accept(gateway: Gateway, key: Key, sentMs: number, what: string): void {
    this.#outcome.accepted += 1;
    for (const name of tagsOf(key)) {
      const answeredMs = this.#answeredMs.get(name);
      if (answeredMs === undefined || answeredMs >= sentMs) continue;
      const late = `${what} of ${name} sent at ${sentMs.toFixed(1)}, revoked at ${answeredMs.toFixed(1)}`;
      this.#outcome.violation ??= `${gateway.id} accepted a ${late}`;
    }
  }

  // Authorities

  #startReplica(authority: AuthorityName, slot: number): void {
    const machine = new Machine(this.#world, true);
    const replica: Replica = {
      machine,
      pending: new Set(),
      acknowledged: new Map(),
      watch: new SilenceWatch({ leaseMs }),
    };
    this.#replicas[authority][slot] = replica;
    const sweep = (): void => {
      const database = this.#databases[authority];
      if (machine.clock().monotonicMs - this.#firstSeenMs(replica, database) >= leaseMs) database.settle();
      const rows = [...this.#databases[authority].rows.values()];
      for (const order of replica.watch.observe(rows, machine.clock().monotonicMs))
        this.#fence(authority, machine, order);
      machine.after(500, sweep);
    };
    machine.after(500, sweep);
  }

  #firstSeenMs(replica: Replica, { history }: Database): number {
    if (replica.seen?.history !== history) replica.seen = { history, atMs: replica.machine.clock().monotonicMs };
    return replica.seen.atMs;
  }

  /** Every replica remembers it: somebody may revoke there what this enforcer has applied already. */
  #heard(authority: AuthorityName, replica: Replica, ack: Ack): void {
    const last = replica.acknowledged.get(ack.enforcerId);
    const isFurther =
      last?.incarnation === ack.incarnation
        ? ack.appliedThrough >= last.appliedThrough
        : ack.incarnation > (last?.incarnation ?? 0);
    if (isFurther) replica.acknowledged.set(ack.enforcerId, ack);
    for (const pending of replica.pending) pending.acknowledge(this.#told(authority, ack));
  }

  #told(authority: AuthorityName, ack: Ack): Ack {
    if (this.#without !== 'acknowledgements of one history') return ack;
    return { ...ack, history: this.#databases[authority].history };
  }

  /** Puts a database back to an earlier point, under replicas and enforcers that go on, of which it may have forgotten some. */
  #putBack(authority: AuthorityName): void {
    const database = this.#databases[authority];
    const { backup } = database;
    if (!backup || (this.#isSecondLine && !this.#knowsAll(authority, backup))) return;
    this.#outcome.putBack += 1;
    database.putBack(backup);
    for (const replica of this.#replicas[authority]) replica.pending.clear();
    for (const revocation of this.#revocations) {
      if (revocation.authority !== authority) continue;
      const isLost = revocation.seq === undefined || revocation.seq > backup.seq;
      // Nobody was promised what is under way; what was promised and is lost with its change, the database cannot keep.
      if (!revocation.done) this.#busy.delete(revocation.name);
      else if (isLost) this.#answeredMs.delete(revocation.name);
      revocation.done = true;
    }
  }

  /**
   * Whether what replicas remember is tested alone: who waits for L in a new history has outwaited whatever an acknowledgement of another
   * one could hide. So without that wait, and with databases alone that know every enforcer as it is.
   */
  get #isSecondLine(): boolean {
    return this.#without === 'acknowledgements of one history';
  }

  #knowsAll(authority: AuthorityName, { rows }: Backup): boolean {
    return this.#gateways.every((gateway) => {
      if (!gateway?.machine.alive) return true;
      const [then, now] = [rows.get(gateway.id), this.#databases[authority].rows.get(gateway.id)];
      return then?.state === 'live' && now?.state === 'live' && then.incarnation === now.incarnation;
    });
  }

  #exchange(
    authority: AuthorityName,
    client: Machine,
    message: EnforcerMessage,
    reply: (reply: AuthorityReply, rest?: { message: EnforcerMessage; reply: AuthorityReply }) => void,
  ): void {
    const database = this.#databases[authority];
    const id = message.enforcerId;
    database.transaction(client, id, () => {
      const view = database.view(id, message.kind === 'renew' ? message.appliedThrough : 0);
      let done: Exchange = answer(view, message, leaseMs);
      let rest: { message: EnforcerMessage; reply: AuthorityReply } | undefined;
      if (this.#without === 'live before load' && message.kind === 'join' && typeof done.write === 'object') {
        const load = { kind: 'renew' as const, enforcerId: id, incarnation: message.incarnation, appliedThrough: 0 };
        const all = database.view(id, 0, Infinity);
        const loaded = answer({ ...all, row: done.write }, load, leaseMs);
        rest = { message: load, reply: loaded.reply };
        done = { reply: done.reply, ...(loaded.write && { write: loaded.write }) };
      }
      return () => {
        database.write(id, done.write);
        if (message.kind === 'join' || message.kind === 'renew') client.run(() => reply(done.reply, rest));
      };
    });
  }

  #fence(authority: AuthorityName, client: Machine, order: FenceOrder, pending?: PendingRevocation): void {
    const database = this.#databases[authority];
    database.transaction(client, order.id, () => {
      const row = database.rows.get(order.id);
      const blind = this.#without === 'no fence over a running lease' && row && order.because === 'revocation';
      const { outcome, write } = decideFence(blind ? { ...row, grantedThrough: 0 } : row, order);
      return () => {
        database.write(order.id, write);
        client.run(() => pending?.fenced(order, outcome));
      };
    });
  }

  // Revocations

  #revokeSomething(): void {
    const world = this.#world;
    const key = world.pick(this.#keys)!;
    const kind = world.random();
    if (kind < 0.5) {
      const [replaced] = this.#keys.length > 9 ? this.#keys.splice(0, 1) : [];
      if (replaced !== key) this.#begin('api-key', { scope: 'credential', id: key.id, effect: 'drop' });
      this.#keys.push(this.#newKey());
    } else if (kind < 0.75) {
      this.#begin('identity', { scope: 'family', id: key.family, effect: 'block', keepMs: 4 * runMs });
    } else {
      const name = tag('organization', key.organization);
      const suspended = this.#answeredMs.has(name);
      this.#begin('identity', { scope: 'organization', id: key.organization, effect: suspended ? 'lift' : 'block' });
    }
  }

  #begin(authority: AuthorityName, marker: Omit<Marker, 'seq'>): void {
    const name = tag(marker.scope, marker.id);
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    if (marker.effect === 'lift') this.#answeredMs.delete(name);
    const revocation: Revocation = { authority, name, marker, done: false };
    this.#revocations.push(revocation);
    this.#call(revocation);
  }

  /** The caller's side: call a replica, call another when it dies, until there is an answer. */
  #call(revocation: Revocation): void {
    const { authority, marker, name } = revocation;
    const replica = this.#world.pick(this.#replicas[authority])!;
    const { machine } = replica;
    revocation.replica = replica;
    const startedMs = machine.clock().monotonicMs;
    const database = this.#databases[authority];
    const again = (): void => {
      if (revocation.done) return;
      if (machine.alive) return this.#world.after(200, again);
      this.#call(revocation);
    };
    this.#world.after(200, again);
    if (revocation.seq !== undefined) {
      const { seq } = revocation;
      this.#outcome.takeOvers += 1;
      return machine.run(() => this.#enforce(revocation, replica, seq, machine.clock().monotonicMs));
    }
    const committed = (seq: number): void => {
      if (revocation.done) return;
      const late = this.#without === 'wait L from commit';
      const sinceMs = late ? startedMs : machine.clock().monotonicMs;
      const notice = { history: database.history, markers: [{ ...marker, seq }] };
      for (const gateway of this.#gateways) {
        if (gateway)
          this.#network('notices', gateway, authority, gateway.machine, () => this.#notice(gateway, authority, notice));
      }
      this.#enforce(revocation, replica, seq, sinceMs);
    };
    const changed = marker.effect === 'drop' ? name : undefined;
    // The seq is known to whoever calls again: the record of the first call holds it.
    database.revoke(machine, marker, committed, changed, (seq) => (revocation.seq ??= seq));
  }

  #enforce(revocation: Revocation, replica: Replica, seq: number, sinceMs: number): void {
    const { machine } = replica;
    const database = this.#databases[revocation.authority];
    let pending: PendingRevocation;
    const look = (): void => {
      if (revocation.done) return;
      const progress = pending.progress(machine.clock().monotonicMs);
      if (progress.state === 'done') {
        replica.pending.delete(pending);
        return this.#answered(revocation, progress.receipt);
      }
      const orders = progress.state === 'fence' ? progress.orders : [];
      for (const order of orders) this.#fence(revocation.authority, machine, order, pending);
      if (orders.length === 0 && this.#world.chance(0.3)) pending.list([...database.rows.values()]);
      machine.after(this.#world.between(10, 80), look);
    };
    machine.after(this.#world.between(0, 10), () => {
      if (revocation.done) return;
      const isSettled = database.settled || this.#isSecondLine || this.#without === 'wait L in a new history';
      const unknownUntilMs = isSettled ? undefined : this.#firstSeenMs(replica, database) + leaseMs;
      pending = new PendingRevocation({ seq, history: database.history, leaseMs, sinceMs, unknownUntilMs });
      replica.pending.add(pending);
      pending.list([...database.rows.values()]);
      for (const ack of replica.acknowledged.values()) pending.acknowledge(this.#told(revocation.authority, ack));
      look();
    });
  }

  #answered(revocation: Revocation, receipt: { acknowledged: number; fenced: number }): void {
    revocation.done = true;
    this.#outcome.revocations += 1;
    this.#outcome.acknowledged += receipt.acknowledged;
    this.#outcome.fenced += receipt.fenced;
    if (revocation.marker.effect !== 'lift') this.#answeredMs.set(revocation.name, this.#world.now);
    if (revocation.marker.scope === 'organization') this.#busy.delete(revocation.name);
  }

  // The world

  #network(path: Path, gateway: Gateway, authority: AuthorityName, to: Machine, deliver: () => void): void {
    const world = this.#world;
    if (this.#cut.has(`${path} ${gateway.id} ${authority}`) || world.chance(0.04)) return;
    const copies = world.chance(0.05) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) to.after(world.delay(), deliver);
  }

  #misfortune(): void {
    const world = this.#world;
    const slot = Math.floor(world.random() * this.#slots);
    const gateway = this.#gateways[slot];
    const kind = world.random();
    if (!gateway) return;
    if (kind < 0.2) gateway.machine.pause(world.between(100, 2500));
    else if (kind < 0.4) {
      // One machine sleeps or has its clock set, not both: together they can cancel out, which no clock can tell.
      if (gateway.id.endsWith('1')) gateway.machine.jump(world.between(-3000, 3000));
      else gateway.machine.suspend(world.between(100, 2500));
    } else if (kind < 0.7) {
      const authority = world.pick(authorities)!;
      if (world.chance(0.4)) {
        this.#cutFor(
          world.between(200, 2500),
          gateway,
          authority,
          paths.filter(() => world.chance(0.6)),
        );
        return;
      }
      // A link that flaps: first answers are lost, then, after an instant of health, questions.
      const deafMs = world.between(300, 900);
      this.#cutFor(deafMs, gateway, authority, ['down', 'notices']);
      this.#cutFor(deafMs + 300, gateway, authority, ['acks']);
      world.after(deafMs + world.between(20, 250), () => {
        this.#cutFor(world.between(300, 1200), gateway, authority, ['up', 'notices']);
      });
    } else if (kind < 0.8) {
      if (world.chance(0.3))
        gateway.machine.run(() => this.#send(gateway, gateway.enforcer.stop(gateway.machine.clock())));
      world.after(20, () => {
        gateway.machine.alive = false;
        this.#startGateway(slot);
      });
    } else {
      const authority = world.pick(authorities)!;
      const at = world.chance(0.5) ? 0 : 1;
      const replica = this.#replicas[authority][at]!;
      if (world.chance(0.5)) replica.machine.suspend(world.between(100, 1500));
      else {
        replica.machine.alive = false;
        this.#startReplica(authority, at);
      }
    }
  }

  #cutFor(forMs: number, gateway: Gateway, authority: AuthorityName, which: readonly Path[]): void {
    for (const path of which) {
      const link = `${path} ${gateway.id} ${authority}`;
      this.#cut.add(link);
      this.#world.after(forMs, () => this.#cut.delete(link));
    }
  }

  #newKey(): Key {
    const number = ++this.#born;
    return { id: `k${number}`, organization: `o${number % 3}`, family: `f${number}` };
  }
}

function tagsOf(key: Key): Tag[] {
  return [tag('credential', key.id), tag('organization', key.organization), tag('family', key.family)];
}
