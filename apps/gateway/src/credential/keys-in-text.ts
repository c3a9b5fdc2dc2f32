import { Refusal } from '@portcullis/contracts';
import { apiKeyPattern, parseApiKey, sha256Hex } from '@portcullis/credentials';

/** What may be a key, by the digests of the ways to read where it ends. */
export interface Candidate {
  readonly digests: readonly string[];
}

const maxCandidates = 1000;
/** No credential is longer that a header could carry well. */
const maxForeignLength = 1024;
/** What is made elsewhere may hold punctuation, and a sentence or a path may go on right behind it. */
const maxReadings = 8;

/**
 * Whole keys in any text: ours by their form and checksum, imported ones by what they begin with. Of each only digests are
 * answered, so that the text goes no further than this process. Each is named once. Refuses more than 1,000 (`unprocessable`).
 */
export function keysInText(
  text: string,
  { ours, foreign }: { ours: readonly string[]; foreign: readonly string[] },
): Candidate[] {
  const found = new Map<string, Candidate>();
  const add = (candidate: Candidate): void => {
    found.set(candidate.digests.join(), candidate);
    if (found.size > maxCandidates) {
      throw new Refusal('unprocessable', `The text holds more than ${maxCandidates} strings that look like keys.`, {
        errors: [{ field: 'text', message: `must hold at most ${maxCandidates} keys` }],
      });
    }
  };
  for (const key of ourKeysIn(text, ours)) add({ digests: [key.sha256] });
  for (const run of foreignRunsIn(text, foreign)) add({ digests: readings(run).map(sha256Hex) });
  return [...found.values()];
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

/** By the first four characters, which every prefix has: the work does not grow with the number of prefixes. */
function* foreignRunsIn(text: string, prefixes: readonly string[]): Generator<{ run: string; prefix: string }> {
  const byHead = new Map<string, string[]>();
  for (const prefix of prefixes) {
    const head = prefix.slice(0, headLength);
    const others = byHead.get(head);
    if (others) others.push(prefix);
    else byHead.set(head, [prefix]);
  }
  if (byHead.size === 0) return;
  for (let at = 0; at + headLength < text.length; at++) {
    const prefix = byHead.get(text.slice(at, at + headLength))?.find((each) => text.startsWith(each, at));
    if (prefix === undefined) continue;
    token68.lastIndex = at;
    const run = token68.exec(text)?.[0] ?? '';
    if (run.length > prefix.length) yield { run, prefix };
  }
}

const headLength = 4;
const token68 = new RegExp(`[A-Za-z0-9._~+/-]{1,${maxForeignLength}}={0,2}`, 'y');

function readings({ run, prefix }: { run: string; prefix: string }): string[] {
  const ends = new Set([run.length]);
  for (let at = prefix.length + 1; at < run.length && ends.size < maxReadings; at++) {
    if (/[^A-Za-z0-9]/.test(run.charAt(at))) ends.add(at);
  }
  return [...ends].map((end) => run.slice(0, end));
}
