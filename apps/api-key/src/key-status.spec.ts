import { keyStatus } from './key-status.js';

const now = new Date('2026-01-01T00:00:00.000Z');
const past = new Date(now.getTime() - 1);
const future = new Date(now.getTime() + 1);

describe('the status of a key', () => {
  test.each([
    { name: 'without an end is active', key: {}, want: 'active' },
    { name: 'before its end is active', key: { expiresAt: future }, want: 'active' },
    { name: 'at its very end is expired', key: { expiresAt: now }, want: 'expired' },
    { name: 'after its end is expired', key: { expiresAt: past }, want: 'expired' },
    { name: 'that was disabled is disabled', key: { disabledAt: past }, want: 'disabled' },
    { name: 'disabled and past its end is expired', key: { disabledAt: past, expiresAt: past }, want: 'expired' },
    {
      name: 'once revoked stays revoked, whatever else it is',
      key: { revokedAt: past, disabledAt: past, expiresAt: past },
      want: 'revoked',
    },
  ])('a key $name', ({ key, want }) => {
    expect(keyStatus({ revokedAt: null, expiresAt: null, disabledAt: null, ...key }, now)).toBe(want);
  });
});
