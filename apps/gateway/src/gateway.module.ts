import { type DynamicModule, Module, type OnApplicationShutdown } from '@nestjs/common';

/** What a stop does once the last request has been answered: the steps in order. One that fails does not keep the next from running. */
export class GatewayStop implements OnApplicationShutdown {
  constructor(
    private readonly steps: readonly (() => Promise<void> | void)[],
    private readonly report: (line: string) => void,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    for (const step of this.steps) {
      try {
        await step();
      } catch (error) {
        this.report(`stopping: ${String(error)}`);
      }
    }
  }
}

/**
 * Nest holds the gateway's life together: start, signals, the order of the stop. Routes are values in a table and the hot path is one
 * Fastify hook, so there are no controllers, pipes or guards here to forget.
 */
@Module({})
export class GatewayModule {
  static of(parts: { stop: GatewayStop }): DynamicModule {
    return { module: GatewayModule, providers: [{ provide: GatewayStop, useValue: parts.stop }] };
  }
}
