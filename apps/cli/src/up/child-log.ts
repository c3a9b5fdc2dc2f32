import { type Log } from '@portcullis/embedded';

/**
 * What of a process's output a person at the terminal wants to see: warnings and errors of the JSON log, and whatever is
 * no JSON (a stack, a panic). At most `perWindow` lines in ten seconds: a process in trouble must not drown the others.
 */
export function notableLines(name: string, show: Log, { perWindow = 20, now = () => performance.now() } = {}): Log {
  let windowStart = now();
  let shown = 0;
  let dropped = 0;
  return (line) => {
    const text = notable(line);
    if (text === null) return;
    if (now() - windowStart > 10_000) {
      if (dropped > 0) show(`${name}: … and ${dropped} more lines in its log`);
      [windowStart, shown, dropped] = [now(), 0, 0];
    }
    if (shown++ < perWindow) show(`${name}: ${text}`);
    else dropped++;
  };
}

function notable(line: string): string | null {
  if (!line.startsWith('{')) return line.trim() === '' ? null : line;
  try {
    const entry = JSON.parse(line) as { level?: string | number; message?: unknown; msg?: unknown };
    const serious =
      typeof entry.level === 'number' ? entry.level >= 40 : ['warn', 'error', 'fatal'].includes(entry.level ?? '');
    if (!serious) return null;
    const message = entry.message ?? entry.msg ?? line;
    return `${String(entry.level)}: ${typeof message === 'string' ? message : JSON.stringify(message)}`;
  } catch {
    return line;
  }
}

/** What nats-server writes that matters to a person: warnings and worse, without its advice about passwords that are local. */
export function notableNatsLine(line: string): boolean {
  return /\[(WRN|ERR|FTL)\]/.test(line) && !/Plaintext passwords/.test(line);
}

/** Postgres calls everything LOG that is routine. */
export function notablePostgresLine(line: string): boolean {
  return (
    /\b(WARNING|ERROR|FATAL|PANIC):/.test(line) && !/terminating connection due to administrator command/.test(line)
  );
}
