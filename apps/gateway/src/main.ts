import 'reflect-metadata';
import cluster from 'node:cluster';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { PolicyFaults } from '@portcullis/policy';
import { exitMisconfigured } from '@portcullis/settings';
import { readConfig } from './config.js';
import { createGateway } from './gateway.js';
import { TlsFault } from './tls.js';
import { fromWorker, runWorkers } from './workers.js';

const config = readConfig();
const logger = new ConsoleLogger({ json: true, logLevels: ['log', 'warn', 'error', 'fatal'], prefix: 'gateway' });
Logger.overrideLogger(logger);

const sayReady = () => process.stdout.write(`${JSON.stringify({ ready: 'gateway' })}\n`);

if (cluster.isPrimary && config.workers > 1) {
  const { stop, hangUp } = runWorkers(config.workers, {
    ready: sayReady,
    report: (line) => logger.warn(line, 'gateway'),
    exit: (code) => process.exit(code),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void stop().then(() => process.exit(0)));
  if (config.tlsFiles) process.on('SIGHUP', hangUp);
} else {
  const isWorker = cluster.isWorker;
  const gateway = await createGateway(config, logger, isWorker ? fromWorker.metrics : undefined).catch(
    (error: unknown) => {
      if (!(error instanceof PolicyFaults || error instanceof TlsFault)) throw error;
      return exitMisconfigured(error);
    },
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void gateway.stop().then(() => process.exit(0)));
  }
  const canDecide = () => gateway.missing().length === 0;
  // Its siblings serve meanwhile: a worker that takes the place of another refuses nobody who could be served.
  if (isWorker) await fromWorker.patience(canDecide);
  await gateway.app.listen(config.port, '0.0.0.0');
  if (isWorker) void fromWorker.ready(canDecide);
  else sayReady();
}
