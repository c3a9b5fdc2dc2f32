import { Problem } from './problem';
import { problemFields } from './problem-fields';

const refused = (fields: Record<string, string>) => new Problem(400, 'invalid_request', '', '', fields, null);

test('a fault of a part is said of the whole, whose own comes first', () => {
  const own = { networks: 'must name one', 'networks.3': 'is no network', 'rate_limit.requests': 'must be 1' };
  expect(problemFields(refused(own))).toEqual({ ...own, rate_limit: 'must be 1' });
});

test('of two faulty parts the whole says the first', () => {
  expect(problemFields(refused({ 'networks.3': 'is no network', 'networks.4': 'is none either' }))).toMatchObject({
    networks: 'is no network',
  });
});

test('what is no refusal has no fields', () => expect(problemFields(new Error('broken'))).toEqual({}));
