import { type BucketChoice, chosen, namedOf, tickedOf, withNamed, withTicked } from './bucket-choice';

const known = ['reports', 'logs'];
const of = (...ticked: string[]): BucketChoice => ({ ticked, named: [] });

/** The field of names gives each time all that it holds: what was listed before, and what is typed by now. */
function typing(before: BucketChoice, texts: readonly string[]): BucketChoice {
  const listed = namedOf(before, known);
  return texts.reduce((choice, text) => withNamed(choice, known, [...listed, text]), before);
}

test('a bucket that is passed through while another is typed is not granted', () => {
  const choice = typing(of('logs'), ['report', 'reports', 'reports-', 'reports-archive']);
  expect(chosen(choice)).toEqual(['logs', 'reports-archive']);
  expect(tickedOf(choice, known)).toEqual(['logs']);
});

test('a bucket that is ticked stays ticked when it is passed through', () => {
  expect(chosen(typing(of('reports'), ['reports', 'reports-archive']))).toEqual(['reports', 'reports-archive']);
});

test('what is held is split when it is known what is there, and named is what there is no box for', () => {
  const held = of('reports', 'later');
  expect([tickedOf(held, []), namedOf(held, [])]).toEqual([[], ['reports', 'later']]);
  expect([tickedOf(held, known), namedOf(held, known)]).toEqual([['reports'], ['later']]);
});

test('a tick that is taken away takes away that bucket alone', () => {
  expect(chosen(withTicked(typing(of('reports', 'logs', 'later'), ['x']), known, ['logs']))).toEqual([
    'later',
    'logs',
    'x',
  ]);
});

test('what was held before is still ticked when what is there is known only after something was typed', () => {
  const choice = withNamed(of('reports', 'gone'), [], ['reports', 'x']);
  expect([tickedOf(choice, known), namedOf(choice, known)]).toEqual([['reports'], ['x']]);
});
