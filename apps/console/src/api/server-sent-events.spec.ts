import { EventStreamReader } from './server-sent-events';

const stream =
  ': hello\nretry: 2000\nid: 4\n\nid: 5\ndata: {"a":1}\n\n:\n\nid: 7\r\ndata:first\r\ndata: second\r\n\r\ndata: x\n\n';
const said = [
  { id: '5', data: '{"a":1}' },
  { id: '7', data: 'first\nsecond' },
  { id: '7', data: 'x' },
];

test.each([1, 2, 3, 7, 1000])('messages are the same whatever pieces they come in: %d characters', (length) => {
  const reader = new EventStreamReader();
  const pieces = stream.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? [];
  expect(pieces.flatMap((piece) => reader.read(piece))).toEqual(said);
});

test('an id counts without a message, and the one that was brought counts until another comes', () => {
  const reader = new EventStreamReader('3');
  expect(reader.read('data: a\n\n')).toEqual([{ id: '3', data: 'a' }]);
  expect(reader.read('id: 9\n\n')).toEqual([]);
  expect(reader.id).toBe('9');
});

test('what is not ended is not told', () => {
  expect(new EventStreamReader().read('data: a\n')).toEqual([]);
});
