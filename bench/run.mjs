// npm run bench [-- --quick] [-- --only http,tokens,keys,decisions,revocation,storage,audit]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { here, stopAll } from './programs.mjs';

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } });

const only = values.only?.split(',');
const hasPeers = !only?.every((part) => ['revocation', 'storage', 'audit'].includes(part));

// What is measured against is none of the product's dependencies: it has a lock file of its own.
const kept = here('./node_modules/.package-lock.json');
if (hasPeers && (!existsSync(kept) || statSync(kept).mtimeMs < statSync(here('./package-lock.json')).mtimeMs)) {
  console.error('Installing what the product is measured against into bench/node_modules (npm ci --prefix bench).');
  const { status } = spawnSync('npm', ['ci', '--prefix', here('.'), '--loglevel=error'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(130)));
const { measureAll } = await import('./rows.mjs');
const { measureRevocation, revocationExtent, revocationTables } = await import('./revocation.mjs');
const { auditExtent, auditTables, measureAudit } = await import('./audit.mjs');
const { measureStorage, storageExtent, storageTables } = await import('./storage.mjs');
const tell = (line) => console.error(line);
try {
  const asked = {
    only,
    http: values.quick
      ? { rounds: 3, milliseconds: 1_000, warmMilliseconds: 2_000, warmRequests: 10_000 }
      : { rounds: 15, milliseconds: 1_500, warmMilliseconds: 5_000, warmRequests: 20_000 },
    work: values.quick
      ? { rounds: 3, milliseconds: 700, warmMilliseconds: 700 }
      : { rounds: 7, milliseconds: 1_500, warmMilliseconds: 1_500 },
    keys: values.quick ? 40 : 200,
    tell,
  };
  const rows = hasPeers ? await measureAll(asked) : [];
  const revocation =
    only && !only.includes('revocation')
      ? undefined
      : await measureRevocation({ ...revocationExtent(values.quick), tell });
  const audit =
    only && !only.includes('audit') ? undefined : await measureAudit({ ...auditExtent(values.quick), tell });
  const storage =
    only && !only.includes('storage') ? undefined : await measureStorage({ ...storageExtent(values.quick), tell });
  const [{ model }] = cpus();
  const machine = {
    cpu: model,
    cores: cpus().length,
    system: `${process.platform} ${release()}`,
    node: process.version,
  };
  const { version } = JSON.parse(readFileSync(here('../package.json'), 'utf8'));
  mkdirSync(here('./results'), { recursive: true });
  writeFileSync(
    here('./results/latest.json'),
    `${JSON.stringify({ version, measured_at: new Date().toISOString(), quick: values.quick === true, machine, rows, revocation, storage, audit }, null, 2)}\n`,
  );
  if (rows.length > 0) console.log(table(rows));
  if (revocation) console.log(`\n${revocationTables(revocation)}`);
  if (storage) console.log(`\n${storageTables(storage)}`);
  if (audit) console.log(`\n${auditTables(audit)}`);
  console.log(
    `\n${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}. Every round: bench/results/latest.json`,
  );
  await stopAll();
  process.exit(rows.some(({ failed }) => failed) ? 1 : 0);
} catch (error) {
  console.error(`The benchmark could not measure: ${error.stack ?? error}`);
  await stopAll();
  process.exit(1);
}

function table(rows) {
  const lines = rows.map((row) => {
    if (row.skipped) return `| ${row.name} | | | | ${row.goal ? `≥ ${row.goal}` : ''} | skipped: ${row.skipped} |`;
    if (row.told) return `| ${row.name} | ${row.told} | | | | |`;
    const reached = row.goal === undefined ? '' : row.ratio >= row.goal && !row.short ? 'yes' : (row.short ?? 'no');
    return `| ${row.name} | ${figure(row.ours)} | ${figure(row.theirs)} | **${figure(row.ratio)}** | ${row.goal ? `≥ ${row.goal}` : ''} | ${reached} |`;
  });
  return [
    '| Portcullis against | ours, µs CPU | theirs, µs CPU | ratio | goal | reached |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function figure(number) {
  return number >= 100
    ? number.toFixed(0)
    : number >= 10
      ? number.toFixed(1)
      : number.toPrecision(number < 0.1 ? 2 : 3);
}
