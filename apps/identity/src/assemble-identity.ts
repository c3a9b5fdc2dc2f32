import {
  type Bus,
  EnforcementAuthority,
  FetchedGatewayKeys,
  finishLeftBehind,
  PolicyReporter,
  type ServiceParts,
} from '@portcullis/bus';
import { EnvelopeRefused } from '@portcullis/credentials';
import { Database } from '@portcullis/persistence';
import { followEdits, PolicyFaults, PolicyFile } from '@portcullis/policy';
import { ConfigFault, exitMisconfigured } from '@portcullis/settings';
import { type Config } from './config.js';
import { ConfirmChange } from './confirm-change.js';
import { EnforcedStore } from './enforced.store.js';
import { GatewayStore } from './gateways/gateway.store.js';
import { gatewaySeconds } from './gateways/register-gateway.js';
import { Housekeeping } from './housekeeping.js';
import { identityDatabase, IdentityModule } from './identity.module.js';
import { KeyDebtStore } from './key-debts/key-debt.store.js';
import { KeyDebts } from './key-debts/key-debts.js';
import { foundInstallation } from './organizations/found-installation.js';
import { SealingKeys } from './sealing-keys.js';
import { SigningKeys } from './signing-keys/signing-keys.js';
import { InvitationMail } from './users/invitation-mail.js';

/** Opens what identity stands on. A fault of configuration that only shows here is printed, then exit 78. */
export async function assembleIdentity(
  config: Config,
  variables: Record<string, string>,
  bus: Bus,
  report: (line: string) => void,
): Promise<ServiceParts> {
  try {
    return await open(config, variables, bus, report);
  } catch (error) {
    if (error instanceof ConfigFault || error instanceof PolicyFaults) return exitMisconfigured(error);
    if (error instanceof EnvelopeRefused) return exitMisconfigured(new Error(otherKey));
    throw error;
  }
}

const otherKey =
  'The signing keys in the database were encrypted with another PORTCULLIS_KEY_ENCRYPTION_KEY. ' +
  'Put that key behind the new one, separated by a comma, until they have been encrypted anew.';

async function open(
  config: Config,
  variables: Record<string, string>,
  bus: Bus,
  report: (line: string) => void,
): Promise<ServiceParts> {
  const policy = await PolicyFile.open(config.policyPath, {
    variables,
    ...followEdits(report),
  });
  const database = await Database.open({
    ...identityDatabase,
    url: config.databaseUrl,
    outboxBound: config.outboxBound,
    report,
  });
  await foundInstallation(database, config.firstAdministrator);
  const cost = config.roleTokens.nodePassword?.cost ?? Infinity;
  if (cost < 10)
    report(`the node password's hash has cost ${cost}, which is quickly guessed: portcullis bcrypt makes one of 12`);
  const signingKeys = new SigningKeys(database, config.keyEncryption, config.rotation, report);
  await signingKeys.rotate();
  const authority = new EnforcementAuthority(bus, {
    store: database.enforcement,
    leaseSeconds: config.leaseSeconds,
    report,
  });
  const changes = new ConfirmChange(database, authority, new EnforcedStore(database));
  const keyDebts = new KeyDebts(bus, database, new KeyDebtStore(database), report);
  return {
    module: IdentityModule.of({
      bus,
      database,
      authority,
      policy,
      signingKeys,
      sealingKeys: new SealingKeys(config.keyEncryption),
      tokens: config.tokens,
      roleTokens: config.roleTokens,
      keyDebts,
      mail: new InvitationMail(config.mail, report),
    }),
    outbox: database.outbox,
    companions: [
      authority,
      signingKeys,
      keyDebts,
      finishLeftBehind(bus, (left) => changes.finish(left), report),
      new Housekeeping(database, report),
      new PolicyReporter(bus, () => policy.status),
    ],
    gatewayKeys: new FetchedGatewayKeys(() => new GatewayStore(database).seenWithin(gatewaySeconds)),
    healthy: () => database.healthy(),
    close: async () => {
      await policy.close();
      await database.close();
    },
  };
}
