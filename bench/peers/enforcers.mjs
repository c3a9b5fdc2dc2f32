// Enforcers that hold leases, heed markers and serve nobody: each with a connection of its own, as a gateway or a guard has.
import { Bus, EnforcerLink } from '@portcullis/bus';

const all = await Promise.all(
  Array.from({ length: Number(process.env.ENFORCERS) }, async (_, n) => {
    const bus = await Bus.connect('gateway', process.env.NATS_URL);
    const link = new EnforcerLink(bus, { id: `bench-${process.pid}-${n}` });
    // Not all in the same instant: real ones start one by one, and renew a second after that.
    setTimeout(() => link.start(), (n * 1000) / Number(process.env.ENFORCERS));
    return { bus, link };
  }),
);
const leased = ({ link }) => link.enforcer.status(link.now()).every(({ lease }) => lease);
while (!all.every(leased)) await new Promise((resolve) => setTimeout(resolve, 100));
console.log('ready');
process.once('SIGTERM', () => {
  void Promise.all(all.map(({ link, bus }) => link.stop().then(() => bus.close()))).then(() => process.exit());
});
