import { type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';

/**
 * Subscribes with a handler that may fail. An exception thrown into the NATS client out of a plain callback ends its reading:
 * the connection looks alive and hears nothing more on any subject until its pings have gone unanswered for minutes.
 */
export function listen(
  connection: NatsConnection,
  subject: string,
  options: { queue?: string; failed?: (cause: unknown) => void },
  handle: (message: Msg) => Promise<void> | void,
): Subscription {
  const { queue, failed = () => undefined } = options;
  return connection.subscribe(subject, {
    ...(queue === undefined ? {} : { queue }),
    callback: (error, message) => {
      if (!error) (async () => handle(message))().catch(failed);
    },
  });
}
