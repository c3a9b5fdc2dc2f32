import { type AuditEvent } from '@portcullis/contracts';
import { exit, Refused } from '../command.js';
import { GatewayRefusal } from '../remote/send.js';
import { remoteCommand, wholeNumber } from '../remote/remote-command.js';
import { cell } from '../remote/tables.js';
import { linesOf } from './lines-of.js';

const pauseMilliseconds = 2_000;

export const tail = remoteCommand({
  summary: 'Shows events as they are kept, until Ctrl-C',
  help: `portcullis audit tail [--after N] [--limit N]

A line for each event of your organization, from now on; with --output json the event as it is, one a line. Goes on by itself after a
connection was lost, and misses nothing meanwhile.

  --after N    from behind this index of the log on, instead of now
  --limit N    ends after so many events

Example:
  portcullis audit tail --output json | jq -r 'select(.outcome != "success") | .action'`,
  options: { after: { type: 'string' }, limit: { type: 'string' } },
  async run({ values, gateway, output }) {
    const at = gateway();
    const most =
      values.limit === undefined ? Infinity : wholeNumber(values.limit, '--limit', { min: 1, max: 1_000_000 });
    let last =
      values.after === undefined
        ? undefined
        : String(wholeNumber(values.after, '--after', { min: 0, max: 999_999_999 }));
    let shown = 0;
    for (;;) {
      try {
        const headers: Record<string, string> = last === undefined ? {} : { 'Last-Event-ID': last };
        for await (const line of linesOf(at.read({ method: 'GET', path: '/v1/audit/stream', headers }))) {
          if (line.startsWith('id: ')) last = line.slice('id: '.length);
          if (!line.startsWith('data: ')) continue;
          const text = line.slice('data: '.length);
          process.stdout.write(`${output === 'json' ? text : lineOf(JSON.parse(text) as AuditEvent)}\n`);
          if (++shown >= most) return exit.ok;
        }
      } catch (error) {
        // A refusal stays one, however often it is asked again; all else passes.
        if (!(error instanceof Refused) || (error instanceof GatewayRefusal && error.status < 500)) throw error;
        process.stderr.write(`${error.message.split('\n')[0]} Trying again.\n`);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
    }
  },
});

const lineOf = ({ time, action, outcome, actor, resource, reason }: AuditEvent): string =>
  [
    cell(time),
    cell(action),
    cell(outcome),
    cell(actor.id ?? actor.kind),
    cell(resource.id ?? resource.kind),
    reason ? cell(reason) : '',
  ]
    .join('  ')
    .trimEnd();
