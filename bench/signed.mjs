// node bench/signed.mjs [--requests 1500] [--rounds 5]: what a signed request costs the gateway, against the same route public.
//
// Signed requests cannot be cached and pass once, so each round signs its own before it begins, and the candidates take turns. Beside the
// gateway's own CPU it tells the latency, in which the claim (one insert, on disk) is the larger part.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { originOf, signedRequest, signRequest } from '@portcullis/credentials';
import { startPortcullis } from './portcullis.mjs';
import { cpuSeconds, freePort, here, Load, requestText, start, stopAll } from './programs.mjs';
import { median } from './rounds.mjs';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '1500' }, rounds: { type: 'string', default: '5' } },
});
const [count, rounds] = [Number(values.requests), Number(values.rounds)];
const goal = 0.5;
const path = '/v1/counterparties/cp_1';

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(130)));
const load = new Load();
let portcullis;
try {
  const upstreamPort = await freePort();
  await start(process.execPath, [here('./peers/upstream.mjs')], { env: { PORT: String(upstreamPort) } });
  portcullis = await startPortcullis(upstreamPort);
  const { port } = portcullis;
  const open = requestText(port, `/public${path.slice(3)}`, { headers: {} });
  const candidates = {
    public: () => Array.from({ length: count }, () => open),
    Ed25519: await signer(generateKeyPairSync('ed25519')),
    'RSA 2048': await signer(generateKeyPairSync('rsa', { modulusLength: 2048 })),
    'EC P-256': await signer(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  };
  const pid = portcullis.pidOf('gateway');
  const seen = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    const turns = Object.entries(candidates);
    for (const [name, requestsOf] of round % 2 === 0 ? turns : turns.toReversed()) {
      const requests = requestsOf();
      const before = cpuSeconds([pid]);
      const result = await load.run({ port, requests, connections: 16, status: 200, once: true });
      const micros = ((cpuSeconds([pid]) - before) * 1e6) / result.requests;
      if (round >= 0) seen[name].push({ micros, p50: result.p50, p99: result.p99 });
    }
  }
  const middle = (name, field) => median(seen[name].map((one) => one[field]));
  console.log('| | gateway, µs CPU | public ÷ this | goal | reached | p50 | p99 |\n|---|---|---|---|---|---|---|');
  for (const name of Object.keys(candidates)) {
    const ratio = median(seen[name].map(({ micros }, nth) => seen.public[nth].micros / micros));
    const wanted = name === 'Ed25519' ? `≥ ${goal.toFixed(2)} | ${ratio >= goal ? 'yes' : 'no'}` : ' | ';
    console.log(
      `| ${name} | ${middle(name, 'micros').toFixed(0)} | ${name === 'public' ? '' : `**${ratio.toFixed(2)}**`} | ${wanted} | ` +
        `${middle(name, 'p50').toFixed(1)} ms | ${middle(name, 'p99').toFixed(1)} ms |`,
    );
  }
} finally {
  load.stop();
  await portcullis?.stop();
  await stopAll();
}

/** A client with such a key, and its requests, each another. */
async function signer({ publicKey, privateKey }) {
  const client = await portcullis.demand(
    'POST',
    '/v1/clients',
    { name: 'bench', public_key: publicKey.export({ type: 'spki', format: 'pem' }), roles: ['observer'] },
    portcullis.admin,
  );
  const request = signedRequest(originOf(`http://127.0.0.1:${portcullis.port}`), {
    method: 'GET',
    target: path,
    rawHeaders: [],
  });
  return () =>
    Array.from({ length: count }, () => {
      const signed = { request, keyid: client.client_id, key: privateKey, created: new Date(), nonce: randomUUID() };
      return requestText(portcullis.port, path, { headers: signRequest(signed).headers });
    });
}
