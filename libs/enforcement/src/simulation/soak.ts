/** `node dist/simulation/soak.js [runs] [first seed]`: as many interleavings as there is patience for. */
import { simulate } from './simulation.js';

const runs = Number(process.argv[2] ?? 100_000);
const first = Number(process.argv[3] ?? 1);
for (let seed = first; seed < first + runs; seed++) {
  const { violation } = simulate(seed);
  if (violation) {
    console.error(`seed ${seed}: ${violation}`);
    process.exitCode = 1;
    break;
  }
  if ((seed - first) % 10_000 === 9_999) console.log(`${seed - first + 1} interleavings, no violation`);
}
