import { withTyped } from './typed-lines';

/** What a list is after each of the texts was in the field, one after the other. */
function afterTyping(list: readonly string[], texts: readonly string[]): string[] {
  let now = { value: [...list], added: [] as string[] };
  for (const text of texts) {
    const settled = now.value.filter((one) => !now.added.includes(one));
    now = withTyped(settled, text === '' ? [] : [text]);
  }
  return now.value;
}

test('what is typed counts as it is typed, and its beginnings are gone', () => {
  expect(afterTyping(['a'], ['1', '10', '10.0.0.1/32'])).toEqual(['a', '10.0.0.1/32']);
});

test('an entry that is passed through while another is typed stays', () => {
  expect(afterTyping(['10.0.0.1/32', 'b'], ['10.0.0.1/32', '10.0.0.10/32'])).toEqual([
    '10.0.0.1/32',
    'b',
    '10.0.0.10/32',
  ]);
});

test('an entry that is typed again is there once, and stays when the typing is taken back', () => {
  expect(withTyped(['a'], ['a', 'b', 'b'])).toEqual({ value: ['a', 'b'], added: ['b'] });
  expect(afterTyping(['a'], ['a', ''])).toEqual(['a']);
});
