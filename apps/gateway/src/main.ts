import 'reflect-metadata';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { PolicyFaults } from '@portcullis/policy';
import { exitMisconfigured } from '@portcullis/settings';
import { readConfig } from './config.js';
import { createGateway } from './gateway.js';

const config = readConfig();
const logger = new ConsoleLogger({ json: true, logLevels: ['log', 'warn', 'error', 'fatal'], prefix: 'gateway' });
Logger.overrideLogger(logger);

const gateway = await createGateway(config, logger).catch((error: unknown) => {
  if (!(error instanceof PolicyFaults)) throw error;
  return exitMisconfigured(error);
});
await gateway.app.listen(config.port, '0.0.0.0');
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void gateway.stop().then(() => process.exit(0)));
}
process.stdout.write(`${JSON.stringify({ ready: 'gateway' })}\n`);
