export { ConfigFault, readSettings, type Environment } from './read-settings.js';
export { exitMisconfigured, policyVariables, settingsOrExit } from './config.js';
export { auditRetentionDays, commaSeparated, port, readBy, wholeNumber } from './fields.js';
export { s3PublicUrl, s3Region } from './s3-fields.js';
