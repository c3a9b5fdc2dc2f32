// Answers what it is asked, from a process of its own: the other end of a NATS round trip.
import { connect } from '@nats-io/transport-node';

const url = new URL(process.env.NATS_URL);
const connection = await connect({ servers: url.host, user: url.username, pass: decodeURIComponent(url.password) });
connection.subscribe('bench.echo', { callback: (_error, message) => message.respond(message.data) });
await connection.flush();
console.log('ready');
process.once('SIGTERM', () => void connection.close().then(() => process.exit()));
