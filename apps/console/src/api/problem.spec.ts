import { isAnswerLost, isUndecided, Problem, unreachable } from './problem';

const refused = (status: number, code = 'x') => new Problem(status, code, '', '', {}, null);

test.each([
  ['no answer came', unreachable(), true, true],
  ['something between has answered', refused(502), true, true],
  ['the same is still under way', refused(409, 'idempotency_in_progress'), true, true],
  // Neither says what became of a try before it: the key of that one is kept.
  ['there were too many', refused(429), true, false],
  ['the session had ended', refused(401), true, false],
  ['it is made, and waits for gateways', refused(503, 'enforcement_pending'), true, false],
  ['it was refused', refused(409, 'conflict'), false, false],
  ['the page itself broke', new Error('broken'), false, false],
])('%s: undecided or not, and its answer lost or not', (_, error, undecided, lost) => {
  expect([isUndecided(error), isAnswerLost(error)]).toEqual([undecided, lost]);
});
