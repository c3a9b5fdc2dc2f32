import { serve } from '@portcullis/bus';
import { policyVariables } from '@portcullis/settings';
import { assembleIdentity } from './assemble-identity.js';
import { loadConfig } from './config.js';

const config = loadConfig();

await serve('identity', config.natsUrl, (bus, report) => assembleIdentity(config, policyVariables(), bus, report));
