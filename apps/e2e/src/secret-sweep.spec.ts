import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notePassword, noteSecrets, sweep } from './secret-sweep.js';

describe('a sweep for secrets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-sweep-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'table');
  const swept = (given: { file?: string; output?: string; bus?: string } = {}) => {
    writeFileSync(file, Buffer.from(`\0\xff${given.file ?? ''}`, 'latin1'));
    return sweep(folder, { output: given.output ?? '', bus: given.bus === undefined ? [] : [Buffer.from(given.bus)] });
  };

  beforeAll(() => {
    noteSecrets({
      items: [{ credentials: { bearer_token: 'ptc_0123456789abcdefghij', client_id: 'a-client-id-of-one' } }],
    });
    noteSecrets({ credentials: { secret_access_key: 'c0nVjA5QpZ9xRt3LmE7sYwKd2BhGuF8iTqXoNv4r' } });
    noteSecrets({ access_token: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJlLW9mLWl0' });
    noteSecrets({ invitation_url: 'http://gate.example/invitation#token=YW4taW52aXRhdGlvbi10b2tlbg' });
    notePassword({ password: 'correct horse battery' });
  });

  test.each([
    ['a key', 'ptc_0123456789abcdefghij'],
    ['the S3 secret of a key', 'c0nVjA5QpZ9xRt3LmE7sYwKd2BhGuF8iTqXoNv4r'],
    ['the signature of a token', 'c2lnbmF0dXJlLW9mLWl0'],
    ['the token of an invitation', 'YW4taW52aXRhdGlvbi10b2tlbg'],
    ['a password', 'correct horse battery'],
  ])('finds %s in a file, in what was written and on the bus', (_, secret) => {
    expect(swept({ file: `x${secret}x` })).toEqual([`${secret} in ${file}`]);
    expect(swept({ output: `{"a":"${secret}"}` })).toEqual([`${secret} in what was written`]);
    expect(swept({ bus: `identity.login \n${secret}` })).toEqual([`${secret} on the bus, identity.login`]);
  });

  test('finds nothing where only ids, parts of secrets and what a token says are', () => {
    const harmless = 'a-client-id-of-one ptc_0123456789abcdefghi eyJzdWIiOiJ4In0 orrect horse battery';
    expect(swept({ file: harmless, output: harmless, bus: harmless })).toEqual([]);
  });
});
