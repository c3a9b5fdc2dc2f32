import { Refusal } from '@portcullis/contracts';
import { apiKeyPattern, parseApiKey, sha256Hex } from '@portcullis/credentials';

/** What may be a key, by the digests of the ways to read where it ends. */
export interface Candidate {
  /** Of the s3 form: the digests are of what stands near this id and may be its secret. */
  readonly accessKeyId?: string;
  readonly digests: readonly string[];
}

const maxCandidates = 1000;
/** The same string may come again and again, and costs something each time. */
const maxOccurrences = 20_000;
/** No credential is longer that a header could carry well. */
const maxForeignLength = 1024;
/** What is made elsewhere may hold punctuation, and a sentence or a path may go on right behind it. */
const maxReadings = 8;

/**
 * Whole keys in any text: ours by their form and checksum, imported ones by what they begin with, S3 secrets by the id near them. Of each only digests are
 * answered, so that the text goes no further than this process. Each is named once. Refuses more than 1,000 (`unprocessable`).
 */
export function keysInText(
  text: string,
  { ours, foreign }: { ours: readonly string[]; foreign: readonly string[] },
): Candidate[] {
  const found = new Map<string, Candidate>();
  const add = (candidate: Candidate): void => {
    found.set([candidate.accessKeyId, ...candidate.digests].join(), candidate);
    if (found.size > maxCandidates) throw tooMany();
  };
  for (const key of ourKeysIn(text, ours)) add({ digests: [key.sha256] });
  for (const run of foreignRunsIn(text, foreign)) add({ digests: readings(run).map(sha256Hex) });
  for (const pair of accessKeysIn(text)) add(pair);
  return [...found.values()];
}

/** Access key ids with what may be their secrets: in files of settings, logs and tables one stands a few lines from the other. */
function* accessKeysIn(text: string): Generator<Required<Candidate>> {
  let occurrences = 0;
  for (const { 0: accessKeyId, index } of text.matchAll(accessKeyPattern)) {
    if ((occurrences += 1) > maxOccurrences) throw tooMany();
    const from = Math.max(0, index - nearCharacters);
    const around = text.slice(from, index + accessKeyId.length + nearCharacters);
    const distance = (at: number): number => Math.abs(from + at - index);
    const secrets = [...around.matchAll(secretPattern)].sort((a, b) => distance(a.index) - distance(b.index));
    const nearest = [...new Set(secrets.map(([secret]) => secret))].slice(0, maxReadings);
    if (nearest.length > 0) yield { accessKeyId, digests: nearest.map(sha256Hex) };
  }
}

function* ourKeysIn(text: string, prefixes: readonly string[]) {
  const pattern = new RegExp(apiKeyPattern(prefixes), 'g');
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const key = parseApiKey(match[0]);
    if (key) yield key;
    // What looked like a key may have hidden where the next one begins.
    else pattern.lastIndex = match.index + 1;
  }
}

const nearCharacters = 400;
const accessKeyPattern = /(?<![0-9A-Za-z])AKIA[0-9A-F]{16}(?![0-9A-Za-z])/g;
const secretPattern = /(?<![0-9A-Za-z])[0-9A-Za-z]{40}(?![0-9A-Za-z])/g;

/** By a tree of the prefixes: the work does not grow with their number, of which anybody may bring some. */
function* foreignRunsIn(text: string, prefixes: readonly string[]): Generator<{ run: string; prefix: string }> {
  const tree = treeOf(prefixes);
  const seen = new Set<string>();
  let occurrences = 0;
  for (let at = 0; at < text.length; at++) {
    const length = longestPrefixAt(tree, text, at);
    if (length === 0) continue;
    if ((occurrences += 1) > maxOccurrences) throw tooMany();
    token68.lastIndex = at;
    const run = token68.exec(text)?.[0] ?? '';
    if (run.length > length && !seen.has(run)) {
      seen.add(run);
      yield { run, prefix: run.slice(0, length) };
    }
    // The next one begins behind punctuation at the earliest: in the middle of a word every position could be one.
    word.lastIndex = at;
    at += Math.max(1, word.exec(text)?.[0].length ?? 0) - 1;
  }
}

interface Tree {
  readonly next: Map<number, Tree>;
  isPrefix: boolean;
}

function treeOf(prefixes: readonly string[]): Tree {
  const root: Tree = { next: new Map(), isPrefix: false };
  for (const prefix of prefixes) {
    let node = root;
    for (let at = 0; at < prefix.length; at++) {
      const unit = prefix.charCodeAt(at);
      const child = node.next.get(unit) ?? { next: new Map(), isPrefix: false };
      node.next.set(unit, child);
      node = child;
    }
    node.isPrefix = true;
  }
  return root;
}

function longestPrefixAt(tree: Tree, text: string, start: number): number {
  let longest = 0;
  let node: Tree | undefined = tree;
  for (let at = start; at < text.length; at++) {
    node = node.next.get(text.charCodeAt(at));
    if (!node) break;
    if (node.isPrefix) longest = at + 1 - start;
  }
  return longest;
}

const word = new RegExp(`[A-Za-z0-9]{0,${maxForeignLength}}`, 'y');
const token68 = new RegExp(`[A-Za-z0-9._~+/-]{1,${maxForeignLength}}={0,2}`, 'y');

function readings({ run, prefix }: { run: string; prefix: string }): string[] {
  const ends = new Set([run.length]);
  for (let at = prefix.length + 1; at < run.length && ends.size < maxReadings; at++) {
    if (/[^A-Za-z0-9]/.test(run.charAt(at))) ends.add(at);
  }
  return [...ends].map((end) => run.slice(0, end));
}

const tooMany = (): Refusal =>
  new Refusal('unprocessable', `The text holds more than ${maxCandidates} strings that look like keys.`, {
    errors: [{ field: 'text', message: `must hold at most ${maxCandidates} keys` }],
  });
