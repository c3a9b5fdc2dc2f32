import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { eventLeafHash, inclusionVerifies, noteVerifier, openCheckpoint } from '@portcullis/merkle-log';
import { eventually } from '@portcullis/testing';
import { auditedActions } from './audited-changes.js';
import { type Backstage } from './backstage.js';
import { Client } from './client.js';

const portcullis = resolve(import.meta.dirname, '../../cli/bin/portcullis.mjs');
/** What is due is published again after 30 s, then after a minute, after two, four … so long after the last kill it is over. */
const settleMilliseconds = 300_000;

const schemas = ['identity', 'api_key', 'client_registry', 'audit'];
const owedEvents = `select ${schemas.map((schema) => `(select count(*) from ${schema}.outbox)`).join(' + ')} as n`;

interface Leaf {
  leaf_index: number;
  salt?: string;
  event?: { id: string; action: string; resource: { id: string | null } };
}

/** What is wrong with a record, beside an export that cannot be verified. */
export interface Discrepancies {
  /** Happened, and in no leaf. */
  lost: string[];
  /** In a leaf, and has not happened; or in more than one. */
  unfounded: string[];
  twice: string[];
  unproven: string[];
}

/**
 * The record of a stack as an auditor who believes nobody holds it: exported by the command, verified with no server, and compared
 * with what the services say of themselves.
 */
export class KeptRecord {
  /** Of the last export. */
  leaves = 0;

  /** @param folder for exports */
  constructor(
    private readonly stack: { url: string; backstage: Backstage },
    private readonly token: string,
    private readonly folder: string,
  ) {}

  /** Resolves when the record holds so many events of such changes. How many it really must hold is for `compare` to say. */
  async reaches(count: number): Promise<void> {
    const actions = [...auditedActions].map((action) => `'${action}'`).join(', ');
    const kept = `select count(*) as n from audit.event where action in (${actions})`;
    await this.#eventually(kept, (n) => n >= count);
  }

  /** Resolves when no service owes the record an event any more: nothing is to come. */
  async settled(): Promise<void> {
    await this.#eventually(owedEvents, (n) => n === 0);
  }

  /** How many events the services owe the record at this moment. */
  async owed(): Promise<number> {
    const [row] = await this.stack.backstage.query<{ n: string }>(owedEvents);
    return Number(row?.n);
  }

  /** How many refused credentials it tells of, one by one or counted together, of `since` (RFC 3339) or later. */
  async denials(since: string): Promise<number> {
    const [row] = await this.stack.backstage.query<{ n: string }>(
      `select coalesce(sum((body->>'count')::int), 0) as n from audit.event
        where action = 'credential.refused' and time >= '${since}'`,
    );
    return Number(row?.n);
  }

  #eventually(sql: string, isSo: (n: number) => boolean): Promise<true> {
    const { backstage } = this.stack;
    return eventually(async () => {
      const [row] = await backstage.query<{ n: string }>(sql);
      return isSo(Number(row?.n));
    }, settleMilliseconds);
  }

  /**
   * Holds the whole record against what has happened, each `<action> <id>` as often as it must be there. Rejects if the export cannot
   * be verified offline.
   * @param proofs about so many of its events, by chance, are also proven by the API's own proofs
   */
  async compare(
    happened: readonly string[],
    { proofs, random }: { proofs: number; random: () => number },
  ): Promise<Discrepancies> {
    const { lines, proven } = await this.#verifiedExport();
    const ids = new Map<string, number>();
    for (const { event } of lines) if (event) ids.set(event.id, (ids.get(event.id) ?? 0) + 1);
    const relevant = lines.filter(({ event }) => event && auditedActions.has(event.action));
    const recorded = relevant.map(({ event }) => `${event?.action} ${event?.resource.id}`);
    const sample = relevant.filter(() => random() < proofs / Math.max(relevant.length, 1));
    const unproven = relevant.filter(({ leaf_index }) => leaf_index >= proven);
    for (const leaf of sample) if (!(await this.#isProven(leaf))) unproven.push(leaf);
    return {
      lost: without(happened, recorded),
      unfounded: without(recorded, happened),
      twice: [...ids].filter(([, times]) => times > 1).map(([id]) => id),
      unproven: unproven.map(({ event }) => event?.id ?? ''),
    };
  }

  /** `proven`: so many leaves from the first on are those of a checkpoint that was signed before the export. */
  async #verifiedExport(): Promise<{ lines: Leaf[]; proven: number }> {
    const file = join(this.folder, 'record.ndjson');
    await this.#audit('export', file);
    const verdict = JSON.parse(await this.#audit('verify', '--export', file, '--output', 'json')) as {
      size: number;
      proven: number;
    };
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    this.leaves = verdict.size;
    return { lines: lines.map((line) => JSON.parse(line) as Leaf), proven: verdict.proven };
  }

  async #isProven({ event, salt }: Leaf): Promise<boolean> {
    if (!event || salt === undefined) return false;
    const client = new Client(this.stack.url, this.token);
    const answer = await client.get(`/v1/audit/events/${event.id}/proof`);
    const log = (await client.get('/v1/audit/log-keys')).json as { origin: string; keys: { verifier_key: string }[] };
    if (answer.status !== 200) return false;
    const proof = answer.json as { leaf_index: number; tree_size: number; hashes: string[]; checkpoint: string };
    const keys = log.keys.map(({ verifier_key }) => noteVerifier(verifier_key));
    const { size, root } = openCheckpoint(proof.checkpoint, { origin: log.origin, keys });
    return (
      size === proof.tree_size &&
      inclusionVerifies({
        index: proof.leaf_index,
        size,
        root,
        leafHash: eventLeafHash(event, Buffer.from(salt, 'base64')),
        hashes: proof.hashes.map((hash) => Buffer.from(hash, 'base64')),
      })
    );
  }

  /** What the command wrote. Rejects if it did not end well. */
  #audit(...args: string[]): Promise<string> {
    return new Promise((done, fail) => {
      const child = spawn(process.execPath, [portcullis, 'audit', ...args], {
        env: {
          PATH: process.env['PATH'],
          XDG_CONFIG_HOME: this.folder,
          PORTCULLIS_URL: this.stack.url,
          PORTCULLIS_TOKEN: this.token,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [out, err] = ['', ''];
      child.stdout.on('data', (text: Buffer) => (out += text.toString()));
      child.stderr.on('data', (text: Buffer) => (err += text.toString()));
      child.once('close', (code) =>
        code === 0
          ? done(out)
          : fail(new Error(`portcullis audit ${args.join(' ')} ended with ${code}:\n${out}${err}`)),
      );
    });
  }
}

/** Of a list with repeats: what is left when each of `others` has taken one away. */
function without(list: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of others) left.set(one, (left.get(one) ?? 0) + 1);
  return list.filter((one) => {
    const count = left.get(one) ?? 0;
    if (count > 0) left.set(one, count - 1);
    return count === 0;
  });
}
