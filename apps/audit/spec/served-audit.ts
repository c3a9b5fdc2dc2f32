import { Bus, CallerSigner, startService } from '@portcullis/bus';
import { generateSigningKey, NetworkList } from '@portcullis/credentials';
import { type Database } from '@portcullis/persistence';
import { assembleAudit } from '../src/assemble-audit.js';
import { randomBytes } from 'node:crypto';
import { logConfig } from './log-config.js';
import { type OwnNats } from './own-nats.js';

/** The service on the bus over a database, a gateway to ask it, and somebody with identity's NATS user who answers the one question that audit asks. */
export async function servedAudit(
  nats: OwnNats,
  database: Database,
  firstOrganization: string,
  retentionDays?: number,
) {
  const gatewayKey = generateSigningKey();
  const identity = await nats.connection('identity');
  identity.subscribe('identity.installation', {
    callback: (_error, message) =>
      void message.respond(JSON.stringify({ ok: { first_organization_id: firstOrganization } })),
  });
  // Checkpoints of all logs of a spec go to one stream: each log has a name of its own.
  const log = { ...logConfig, firstOrigin: `${randomBytes(8).toString('hex')}.example/audit` };
  const start = (origin?: string, over = database) =>
    startService('audit', nats.url('audit'), async (bus, report) => ({
      ...(await assembleAudit(bus, over, {
        report,
        log: { ...log, origin },
        webhookAllow: NetworkList.parse(['127.0.0.0/8']),
        retentionDays,
      })),
      gatewayKeys: { find: () => Promise.resolve(gatewayKey.publicKey) },
      close: () => Promise.resolve(),
    }));
  const running = await start();
  let stopped: Promise<void> | undefined;
  const gateway = await Bus.connect('gateway', nats.url('gateway'), {
    signer: new CallerSigner(gatewayKey, () => new Date()),
  });
  return {
    gateway,
    /** Another replica, or a start of its own. */
    start,
    /** The first of its processes. */
    stop: () => (stopped ??= running.stop()),
    close: async () => {
      await (stopped ??= running.stop());
      await gateway.close();
      await identity.close();
    },
  };
}
