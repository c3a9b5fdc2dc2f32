import 'reflect-metadata';
import { ConsoleLogger, type DynamicModule, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { type Msg } from '@nats-io/transport-node';
import { Refusal, type Service } from '@portcullis/contracts';
import { Bus, connectionOptions } from './bus.js';
import { CallerVerifier, type GatewayKeys } from './caller-token.js';
import { FetchedGatewayKeys } from './gateway-keys.js';
import { healthSubject } from './health.js';
import { type Answer, Incoming } from './incoming.js';
import { type Outbox, OutboxRelay } from './outbox-relay.js';
import { answerOutboxState } from './outbox-state.js';

/** Something that runs beside the handlers and is stopped before the handlers are: a consumer, a timer, an authority. */
export interface Companion {
  start(): Promise<void> | void;
  stop(): Promise<void> | void;
}

export interface ServiceParts {
  module: DynamicModule;
  /** The service's outbox; its events are carried from here. */
  outbox: Outbox;
  /** Started after the handlers listen, stopped in reverse. */
  companions?: readonly Companion[];
  /** Identity alone answers this from its own table. */
  gatewayKeys?: GatewayKeys;
  /** Is what this service stands on there? Asked by health checks. */
  healthy(): Promise<boolean>;
  /** Closes what was opened for the service, last. */
  close(): Promise<void>;
}

/** How long a request that is under way at a stop may take. */
const drainMilliseconds = 500;

type Assemble = (bus: Bus, report: (line: string) => void) => Promise<ServiceParts>;

/** Runs one service as this process: starts it, says so, and stops cleanly on SIGTERM and SIGINT. */
export async function serve(service: Service, natsUrl: string, assemble: Assemble): Promise<void> {
  const logger = new ConsoleLogger({ json: true, logLevels: ['log', 'warn', 'error', 'fatal'], prefix: service });
  Logger.overrideLogger(logger);
  const running = await startService(service, natsUrl, assemble);
  const stop = async (): Promise<void> => {
    await running.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
  process.stdout.write(`${JSON.stringify({ ready: service })}\n`);
}

/** Starts one service within this process: connects, listens, relays its events, answers health checks. */
export async function startService(
  service: Service,
  natsUrl: string,
  assemble: Assemble,
): Promise<{ stop(): Promise<void> }> {
  const log = new Logger(service);
  const report = (line: string): void => log.warn(line);
  const bus = await Bus.connect(service, natsUrl, { report });
  const parts = await assemble(bus, report);
  const verifier = new CallerVerifier(service, parts.gatewayKeys ?? FetchedGatewayKeys.over(bus), () => new Date());
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(parts.module, {
    transport: Transport.NATS,
    options: {
      ...connectionOptions(service, natsUrl),
      queue: service,
      gracefulShutdown: true,
      gracePeriod: drainMilliseconds,
      deserializer: {
        deserialize: (message: Msg) => ({
          id: 'request',
          pattern: message.subject,
          data: new Incoming(message.subject, message.data, message.headers, verifier),
        }),
      },
      serializer: {
        serialize: ({ response }: { response?: Answer }) => ({ data: JSON.stringify(response ?? surprise) }),
      },
    },
  });
  await app.listen();
  const companions: Companion[] = [new OutboxRelay(bus, parts.outbox, report), ...(parts.companions ?? [])];
  for (const companion of companions) await companion.start();
  answerOutboxState(bus, service, parts.outbox, report);
  bus.connection.subscribe(healthSubject(service), {
    queue: service,
    callback: (error, message) => {
      if (!error) void parts.healthy().then((healthy) => message.respond(healthy ? 'healthy' : 'unhealthy'));
    },
  });
  return {
    stop: async () => {
      // Companions first: whoever waits for an enforcement is answered while there is a connection to answer on.
      for (const companion of companions.toReversed()) await companion.stop();
      await app.close();
      await bus.close();
      await parts.close();
    },
  };
}

const surprise: Answer = {
  refusal: new Refusal('internal', 'Something went wrong here. It has been logged.').toMessage(),
};
