import { basename } from 'node:path';
import { newId, PolicyReport, type Service } from '@portcullis/contracts';
import { type Msg, type Subscription } from '@nats-io/transport-node';
import { type Bus } from './bus.js';
import { type Companion } from './serve.js';

/** Heard by every process that decides, not by one of each queue group; only gateways ask. */
export const policyStatusSubject = 'policy.status';

/** As `PolicyFile.status` has it. */
export interface PolicyState {
  digest: string;
  loadedAt: Date;
  refused: { at: Date; faults: readonly { file: string; line: number; message: string }[] } | null;
}

const gatherMilliseconds = 1_000;
/** All who are there answer within a round trip; this long after the last answer no more are waited for. */
const stallMilliseconds = 250;
const maxFaults = 20;

/** Answers for this process which policy it runs, whoever asks. */
export class PolicyReporter implements Companion {
  private subscription: Subscription | undefined;
  private readonly instanceId: string;

  /** @param instanceId new at each start of the process, which is also what happens if none is given */
  constructor(
    private readonly bus: Bus,
    private readonly state: () => PolicyState,
    instanceId?: string,
  ) {
    this.instanceId = instanceId ?? newId('prc', new Date());
  }

  start(): void {
    this.subscription = this.bus.connection.subscribe(policyStatusSubject, {
      callback: (error, message) => {
        if (!error)
          message.respond(JSON.stringify(reportOf(this.bus.service as Service, this.instanceId, this.state())));
      },
    });
  }

  stop(): void {
    this.subscription?.unsubscribe();
  }
}

/** What every process that answers within a second runs, in the order of the services. One that is stuck is not in it. */
export async function gatherPolicyReports(bus: Bus): Promise<PolicyReport[]> {
  const answers = await bus.connection.requestMany(policyStatusSubject, undefined, {
    strategy: 'stall',
    stall: stallMilliseconds,
    maxWait: gatherMilliseconds,
  });
  const reports: PolicyReport[] = [];
  for await (const answer of answers) {
    const report = readReport(answer);
    if (report) reports.push(report);
  }
  return reports.sort((a, b) => rank(a).localeCompare(rank(b)));
}

/** A process of another version may say something else; that must not hide the others. */
function readReport(message: Msg | Error): PolicyReport | undefined {
  if (message instanceof Error) return undefined;
  try {
    return PolicyReport.parse(message.json());
  } catch {
    return undefined;
  }
}

/** Folders are no business of who reads it: the file's name and line say where to look. */
const reportOf = (service: Service, instanceId: string, { digest, loadedAt, refused }: PolicyState): PolicyReport => ({
  service,
  instance_id: instanceId,
  digest,
  loaded_at: loadedAt.toISOString(),
  refused: refused && {
    at: refused.at.toISOString(),
    faults: refused.faults.slice(0, maxFaults).map(({ file, line, message }) => ({
      file: basename(file),
      line,
      message: message.replaceAll(file, basename(file)),
    })),
  },
});

const rank = ({ service, instance_id }: PolicyReport): string =>
  `${service === 'gateway' ? 0 : 1} ${service} ${instance_id}`;
