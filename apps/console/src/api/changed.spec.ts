import { changed } from './changed';

const before = { name: 'a', roles: ['r'], networks: ['10.0.0.0/8'], enabled: true, other: 1 };

test('what is as it was when the form was opened is not sent', () => {
  expect(changed(before, { name: 'b', roles: ['r'], networks: ['10.0.0.0/8'], enabled: true })).toEqual({ name: 'b' });
});

test('what differs is sent as it is now, an emptied list too', () => {
  expect(changed(before, { roles: [], networks: ['10.0.0.0/8', '::1/128'], enabled: false })).toEqual({
    roles: [],
    networks: ['10.0.0.0/8', '::1/128'],
    enabled: false,
  });
});
