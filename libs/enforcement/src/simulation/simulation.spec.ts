import { rules, simulate, type Outcome } from './simulation.js';

describe('the protocol, over random interleavings', () => {
  test('nothing sent after a revocation was answered is accepted by any enforcer', () => {
    const total = { accepted: 0, refused: 0, revocations: 0, acknowledged: 0, fenced: 0, takeOvers: 0, putBack: 0 };
    for (let seed = 1; seed <= 2000; seed++) {
      const outcome = simulate(seed);
      if (outcome.violation) throw new Error(`seed ${seed}: ${outcome.violation}`);
      for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += outcome[name];
    }
    // The runs did something: both ways to finish a revocation, take-overs, and enough that was let through.
    expect(total.revocations).toBeGreaterThan(20_000);
    expect(total.acknowledged).toBeGreaterThan(20_000);
    expect(total.fenced).toBeGreaterThan(10_000);
    expect(total.takeOvers).toBeGreaterThan(200);
    expect(total.putBack).toBeGreaterThan(1_000);
    expect(total.accepted).toBeGreaterThan(100_000);
  }, 60_000);

  test.each(rules)('without "%s" it is broken, and the simulation finds out', (rule) => {
    const found = firstViolation(1000, rule);
    expect(found).toMatch(/accepted a (request|chunk)/);
  });

  test('the same seed is the same run', () => {
    const once: Outcome[] = [1, 2, 3].map((seed) => simulate(seed));
    expect([1, 2, 3].map((seed) => simulate(seed))).toEqual(once);
  });
});

function firstViolation(seeds: number, without: (typeof rules)[number]): string | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violation } = simulate(seed, without);
    if (violation) return violation;
  }
  return undefined;
}
