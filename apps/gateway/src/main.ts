import 'reflect-metadata';
import cluster from 'node:cluster';
import { setFlagsFromString } from 'node:v8';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { PolicyFaults } from '@portcullis/policy';
import { exitMisconfigured } from '@portcullis/settings';
import { loadConfig } from './config.js';
import { SpillFault } from './events/spill.js';
import { createGateway } from './gateway.js';
import { TlsFault } from './tls.js';
import { fromWorker, runWorkers } from './workers.js';

// V8 takes what outlives its first collections, while the process is young and its nursery small, for long-lived, and from then on
// makes such objects (a request's header list) among the old ones. There they hold their whole request until the next great
// collection, and most of what collecting costs goes into those.
setFlagsFromString('--no-allocation-site-pretenuring');

const config = loadConfig();
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
      if (!(error instanceof PolicyFaults || error instanceof TlsFault || error instanceof SpillFault)) throw error;
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
  await gateway.s3?.listen();
  if (isWorker) void fromWorker.ready(canDecide);
  else sayReady();
}
