import { healthSubject } from '@portcullis/bus';
import { services, type Service } from '@portcullis/contracts';
import { port, readSettings } from '@portcullis/settings';
import { z } from 'zod';
import { exit, UsageFault, type Command, type Environment } from '../command.js';
import { askGateway } from '../gateway-client.js';
import { connectToNats } from '../provision/nats-connection.js';

/** The health check of one container. The gateway is asked over HTTP, any other service over the bus, as its own user: the process in this very container. */
export const health: Command = {
  summary: 'Asks one service whether it can work (for container health checks)',
  help: `portcullis health SERVICE       SERVICE is one of ${services.join(', ')}

Exit 0: it answered that it can work. Exit 1: it did not, or not in time.
Reads NATS_URL (a service) or PORT (the gateway), the same variables as the service itself.`,
  async run(args, env) {
    const service = services.find((name) => name === args[0]);
    if (!service || args.length !== 1) throw new UsageFault(`Name one service: ${services.join(', ')}.`);
    const healthy = service === 'gateway' ? await gatewayIsReady(env) : await serviceIsHealthy(service, env);
    process.stdout.write(`${service} is ${healthy ? 'healthy' : 'not healthy'}\n`);
    return healthy ? exit.ok : exit.refused;
  },
};

const patienceMs = 3_000;

async function gatewayIsReady(env: Environment): Promise<boolean> {
  const shape = z.object({ PORT: port().default(8080), PORTCULLIS_TLS_CERT: z.string().optional() });
  const settings = readSettings(shape, env);
  const gateway = { port: settings.PORT, tls: settings.PORTCULLIS_TLS_CERT !== undefined };
  return askGateway(gateway, { path: '/readyz' }).then(
    (status) => status === 200,
    () => false,
  );
}

async function serviceIsHealthy(service: Service, env: Environment): Promise<boolean> {
  const settings = readSettings(z.object({ NATS_URL: z.string() }), env);
  const connection = await connectToNats(settings.NATS_URL, { inboxPrefix: `_INBOX.${service}` });
  try {
    return (
      (await connection.request(healthSubject(service), undefined, { timeout: patienceMs })).string() === 'healthy'
    );
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}
