import { Problem } from './problem';
import { problemFields } from './problem-fields';

const refused = (fields: Record<string, string>) => new Problem(400, 'invalid_request', '', '', fields, null);
const names = ['name', 'networks', 'rate_limit', 'rate_limit.requests'];

test('a fault is said beside the field that it is of, or is a part of', () => {
  const error = refused({
    'networks.3': 'is no network',
    'networks.4': 'is none either',
    'rate_limit.requests': 'must be 1',
  });
  expect(problemFields(error, names)).toEqual({ networks: 'is no network', 'rate_limit.requests': 'must be 1' });
});

test('a field of a like name is another, and what is no refusal has no fields', () => {
  expect(problemFields(refused({ names: 'no', '(body)': 'no' }), names)).toEqual({});
  expect(problemFields(new Error('broken'), names)).toEqual({});
});
