import { useState } from 'react';
import { type AuditEvent, exportedLine, logKeys, type LogKeys, proofOf } from '../../api/audit';
import { useMay } from '../../api/me';
import { Button } from '../../ui/button';
import { CopyText } from '../../ui/copy';
import { Notice, ProblemNotice, type Tone } from '../../ui/notice';
import { Card, Facts } from '../../ui/page';
import { Snippet } from '../../ui/snippet';
import './audit.css';
import { type Finding, type Outcome, type ProofFindings, verdictOf, verifyProof } from './verify-proof';

interface Verified {
  readonly findings: ProofFindings;
  readonly checkpoint: string;
  readonly log: LogKeys;
}

type State =
  | { readonly now: 'asking' }
  | { readonly now: 'done'; readonly verified: Verified }
  | { readonly now: 'failed'; readonly error: unknown };

/** Verifies an event's proof in this browser, when it is asked to: what it reads for that is written down. */
export function ProofCard({ event }: { event: AuditEvent }) {
  const mayExport = useMay()('audit:export');
  const [state, setState] = useState<State | null>(null);
  const verify = async () => {
    setState({ now: 'asking' });
    try {
      const [proof, log] = await Promise.all([proofOf(event.id), logKeys()]);
      const line = mayExport ? await exportedLine(proof.leaf_index) : withoutExport;
      const findings = await verifyProof({ event, proof, line, log }, crypto.subtle);
      setState({ now: 'done', verified: { findings, checkpoint: proof.checkpoint, log } });
    } catch (error) {
      setState({ now: 'failed', error });
    }
  };
  const isAsking = state?.now === 'asking';
  return (
    <Card
      title="Proof"
      actions={
        <Button onPress={() => void verify()} isPending={isAsking}>
          {state === null ? 'Verify in this browser' : 'Verify again'}
        </Button>
      }
    >
      {state === null && (
        <p className="soft">
          That this event stands in the log as it is shown here, and that the log’s key has signed for it. Your browser
          computes it itself; what it reads for that is written down.
        </p>
      )}
      {isAsking && (
        <p className="soft" role="status">
          Reading the proof and computing it…
        </p>
      )}
      {state?.now === 'failed' && <ProblemNotice error={state.error} />}
      {state?.now === 'done' && <Findings {...state.verified} />}
    </Card>
  );
}

const withoutExport =
  'Not looked at: it needs the event’s salt, which only an export has, and you may not export (audit:export).';

const verdicts: Readonly<Record<Outcome, { tone: Tone; title: string; text: string }>> = {
  held: {
    tone: 'good',
    title: 'Verified',
    text: 'The event is in the log as it is shown here, and the log’s key has signed for it.',
  },
  failed: {
    tone: 'bad',
    title: 'Not verified: do not believe what is shown here',
    text: 'Keep this page, export the record and run “portcullis audit verify” on it, away from this server.',
  },
  unchecked: {
    tone: 'warn',
    title: 'Partly verified',
    text: 'What could be checked is right. Something could not be checked here: see below.',
  },
};

function Findings({ findings, checkpoint, log }: Verified) {
  const { tone, title, text } = verdicts[verdictOf(findings)];
  return (
    <>
      <Notice tone={tone} title={title}>
        <p>{text}</p>
      </Notice>
      <ol className="proof-steps">
        <Step title="The event gives its leaf" finding={findings.leaf} />
        <Step title="The leaf is in the tree of the checkpoint" finding={findings.inclusion} />
        <Step title="The log has signed the checkpoint" finding={findings.signature} />
      </ol>
      <h3>What this rests on</h3>
      <p>
        The computing was done by your browser, with a program that this server sent, and against keys that this server
        named. So it shows a record that was changed behind the server’s back, and not a server that lies. To check that
        too, compare the key below with one that you got another way, keep the checkpoint, and later run{' '}
        <code>portcullis audit verify --checkpoint FILE --export FILE</code> elsewhere: it tells whether the log has
        since only grown.
      </p>
      <Facts
        of={[
          ['Log', <code key="">{log.origin}</code>],
          ...log.keys.map(
            ({ id, verifier_key, status }) =>
              [
                status === 'signing' ? `Key ${id}` : `Earlier key ${id}`,
                <CopyText key={id} text={verifier_key} label="the key" />,
              ] as const,
          ),
        ]}
      />
      <Snippet title="Checkpoint" text={checkpoint} />
    </>
  );
}

const marks: Readonly<Record<Outcome, readonly [mark: string, word: string]>> = {
  held: ['✓', 'Right'],
  failed: ['✗', 'Wrong'],
  unchecked: ['–', 'Not checked'],
};

function Step({ title, finding: { outcome, said } }: { title: string; finding: Finding }) {
  const [mark, word] = marks[outcome];
  return (
    <li data-outcome={outcome}>
      <strong>
        <span aria-hidden>{mark} </span>
        {word}: {title}
      </strong>
      <p className="break">{said}</p>
    </li>
  );
}
