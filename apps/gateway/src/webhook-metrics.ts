import { type WebhookState } from '@portcullis/contracts';
import { Counter, Gauge, type Registry } from 'prom-client';

const statuses = ['active', 'failing', 'paused', 'disabled'] as const;

/** How webhooks do, as audit says it; absent while it does not answer. All processes say the same, so of several the highest is shown. */
export function webhookMetrics(registers: Registry[], read: () => Promise<WebhookState | undefined>): void {
  new Gauge({
    aggregator: 'max',
    name: 'portcullis_webhooks',
    help: 'Webhooks; failing ones are active and failed since they last took an event, paused ones are of suspended organizations',
    labelNames: ['status'],
    registers,
    async collect() {
      const state = await read();
      this.reset();
      if (state) for (const status of statuses) this.set({ status }, state[status]);
    },
  });
  const gauge = (name: string, help: string, field: 'pending' | 'dead_letters' | 'lag_seconds'): void => {
    new Gauge({
      ...{ aggregator: 'max', name, help, registers },
      // A gauge without labels would show as 0 where nothing is known.
      labelNames: ['log'],
      async collect() {
        const state = await read();
        this.reset();
        if (state) this.set({ log: 'audit' }, state[field]);
      },
    });
  };
  gauge('portcullis_webhook_pending', 'Events that are found for webhooks and not delivered', 'pending');
  gauge('portcullis_webhook_dead_letters', 'Events that were given up and may be replayed', 'dead_letters');
  gauge(
    'portcullis_webhook_lag_seconds',
    'The age of the oldest event that is found for an active webhook and not delivered',
    'lag_seconds',
  );
  new Counter({
    aggregator: 'max',
    name: 'portcullis_webhook_attempts_total',
    help: 'Attempts of all replicas to deliver an event, by what became of them',
    labelNames: ['outcome'],
    registers,
    async collect() {
      const state = await read();
      this.reset();
      for (const [outcome, count] of Object.entries(state?.attempts ?? {})) this.inc({ outcome }, count);
    },
  });
}
