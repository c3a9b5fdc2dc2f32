import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { loadPolicy, type OwnRoute, type Policy } from '@portcullis/policy';
import { policyVariables, readSettings } from '@portcullis/settings';
import { z } from 'zod';
import { exit, Refused, type Environment } from '../command.js';

/** A policy file as a gateway would take it. */
export interface ReadPolicy {
  readonly file: string;
  readonly policy: Policy;
  /** What the gateway answers itself, before any rule of the policy. */
  readonly ownRoutes: readonly OwnRoute[];
}

/**
 * Reads `file`, else PORTCULLIS_POLICY, else the one that ships. Refuses with every fault, `file:line: sentence` a line, and exit
 * code 78. A rule that a route of the gateway's own hides is a fault as well, so the gateway's program is asked for those.
 */
export async function readPolicy(file: string | undefined, env: Environment): Promise<ReadPolicy> {
  const path = file ?? (env['PORTCULLIS_POLICY'] || shippedPolicy);
  const ownRoutes = await readOwnRoutes();
  const { PORTCULLIS_CATALOGUE_DIRECTORY: catalogueDirectory } = readSettings(catalogueShape, env);
  const result = await loadPolicy(path, {
    variables: policyVariables(env),
    ownRoutes: ownRoutes.map(({ match }) => match),
    ...(catalogueDirectory ? { catalogueDirectory } : {}),
  });
  if ('policy' in result) return { file: path, policy: result.policy, ownRoutes };
  const lines = result.faults.map((fault) => `${fault.file}:${fault.line}: ${fault.message}`);
  throw new Refused(lines.join('\n'), exit.configuration);
}

/** The gateway is another program: it is asked, not imported. */
async function readOwnRoutes(): Promise<OwnRoute[]> {
  if (!existsSync(ownRoutesProgram)) throw new Refused('gateway is not built: run npm run build first.');
  const { stdout } = await promisify(execFile)(process.execPath, [ownRoutesProgram], { env: {} });
  return JSON.parse(stdout) as OwnRoute[];
}

const catalogueShape = z.object({ PORTCULLIS_CATALOGUE_DIRECTORY: z.string().optional() });
const checkout = resolve(import.meta.dirname, '../../../..');
const shippedPolicy = resolve(checkout, 'config/policy.yaml');
const ownRoutesProgram = resolve(checkout, 'apps/gateway/dist/own-routes.js');
