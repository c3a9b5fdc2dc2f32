import { createHmac, createPublicKey } from 'node:crypto';
import { aRequest, origin, refusalOf, withHeaders } from '../../spec/signed-requests.js';
import { describeVectors } from '../../spec/vectors.js';
import { publicKeyFromSpki } from '../public-key.js';
import { verifySignature } from './algorithm.js';
import { signatureBase } from './signature-base.js';
import { parseSignatures, type RequestSignature } from './signature-fields.js';
import { originOf, type SignedRequest, signedRequest } from './signed-request.js';

describeVectors('rfc9421', (vectors) => {
  interface Case {
    label: string;
    keyid: string;
    message: { start: string; headers: [string, string][] };
    signatureBase: string;
    expectVerify: boolean;
  }
  const cases = vectors.json<Case[]>('cases.json');
  const keys = vectors.json<Record<string, { publicPem?: string; base64?: string }>>('keys.json');

  const read = ({ label, message }: Case): { request: SignedRequest; signature: RequestSignature } => {
    const [method = '', target = ''] = message.start.split(' ');
    const host = message.headers.find(([name]) => name === 'Host')?.[1] ?? 'none.example';
    const isResponse = message.start.startsWith('HTTP/');
    const received = { method, target: isResponse ? '/' : target, rawHeaders: message.headers.flat() };
    const request = signedRequest(originOf(`https://${host}`), received);
    const signature = parseSignatures(request.rawHeaders).find((candidate) => candidate.label === label);
    return { request, signature: signature as RequestSignature };
  };
  const isResponse = ({ message }: Case) => message.start.startsWith('HTTP/');
  const requests = cases.filter((one) => !isResponse(one));
  const registered = (keyid: string) => {
    const key = createPublicKey(keys[keyid]?.publicPem ?? '');
    return publicKeyFromSpki(key.export({ type: 'spki', format: 'der' }));
  };

  test('every base of a request is the one in the RFC, and every verdict is ours too', () => {
    const verdicts = requests.map((one) => {
      const { request, signature } = read(one);
      const base = signatureBase(request, signature);
      expect(base).toBe(one.signatureBase);
      const secret = keys[one.keyid]?.base64;
      if (secret !== undefined) {
        // We verify no HMAC; the base and the bytes that we read are nevertheless right.
        const mac = createHmac('sha256', Buffer.from(secret, 'base64')).update(base).digest();
        return mac.equals(signature.bytes);
      }
      return refusalOf(() => verifySignature(signature, base, registered(one.keyid))) === 'accepted';
    });
    expect(verdicts).toEqual(requests.map(({ expectVerify }) => expectVerify));
    expect(verdicts.filter(Boolean)).toHaveLength(14);
    expect(verdicts.filter((verdict) => !verdict)).toHaveLength(4);
  });

  test('the signatures of responses are none of a request', () => {
    const responses = cases.filter(isResponse);
    expect(responses).toHaveLength(3);
    for (const one of responses) {
      const { request, signature } = read(one);
      expect(refusalOf(() => signatureBase(request, signature))).toBe('unsupported_component @status');
    }
  });

  test('an RSA signature without alg says by itself which of the two it is; with alg it is that one or none', () => {
    const [pss] = requests.filter(({ keyid }) => keyid === 'test-key-rsa-pss');
    const { request, signature } = read(pss as Case);
    const base = signatureBase(request, signature);
    const key = registered('test-key-rsa-pss');
    expect(verifySignature(signature, base, key)).toBe('rsa-pss-sha512');
    const named = (alg: string) => refusalOf(() => verifySignature({ ...signature, alg }, base, key));
    expect(named('rsa-pss-sha512')).toBe('accepted');
    expect(named('rsa-v1_5-sha256')).toBe('bad_signature');
    for (const alg of ['hmac-sha256', 'ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha256', 'RSA-PSS-SHA512', 'none', '']) {
      expect(named(alg)).toBe('wrong_algorithm');
    }
  });
});

/** The value that a component has in the base, or what it is refused with. */
function valueOf(request: SignedRequest, ...identifiers: string[]): string {
  const rawHeaders = ['Signature-Input', `a=(${identifiers.join(' ')})`, 'Signature', 'a=:AA==:'];
  const [signature] = parseSignatures(rawHeaders);
  let base = '';
  const refusal = refusalOf(() => (base = signatureBase(request, signature as RequestSignature)));
  if (refusal !== 'accepted') return refusal;
  const lines = base.split('\n');
  expect(lines.at(-1)).toBe(`"@signature-params": (${identifiers.join(' ')})`);
  return lines
    .slice(0, -1)
    .map((line, index) => line.slice(`${identifiers[index]}: `.length))
    .join('\n');
}

describe('derived components', () => {
  const request = aRequest('POST', '/a%2Fb/./C?b=2&a=%201');

  test.each([
    ['"@method"', 'POST'],
    ['"@target-uri"', 'https://gate.example/a%2Fb/./C?b=2&a=%201'],
    ['"@authority"', 'gate.example'],
    ['"@scheme"', 'https'],
    ['"@request-target"', '/a%2Fb/./C?b=2&a=%201'],
    ['"@path"', '/a%2Fb/./C'],
    ['"@query"', '?b=2&a=%201'],
    ['"@query-param";name="a"', '%201'],
  ])('%s is as it was sent, nothing decoded or put in order', (identifier, value) => {
    expect(valueOf(request, identifier)).toBe(value);
  });

  test('a request without a query has an empty one; an empty one and none are the same to @query alone', () => {
    const bare = aRequest('GET', '/');
    const empty = aRequest('GET', '/?');
    expect(valueOf(bare, '"@query"')).toBe('?');
    expect(valueOf(empty, '"@query"')).toBe('?');
    expect(valueOf(bare, '"@target-uri"')).toBe('https://gate.example/');
    expect(valueOf(empty, '"@target-uri"')).toBe('https://gate.example/?');
  });

  test('the authority is the public one in lower case without its default port, whatever Host says', () => {
    const authority = (publicUrl: string) =>
      valueOf(
        signedRequest(originOf(publicUrl), { method: 'GET', target: '/', rawHeaders: ['Host', 'evil'] }),
        '"@authority"',
      );
    expect(
      ['https://Gate.Example:443', 'http://a:80', 'http://a:443', 'https://[2001:DB8::1]:8443'].map(authority),
    ).toEqual([...['gate.example', 'a', 'a:443', '[2001:db8::1]:8443']]);
    expect(() => originOf('ftp://a')).toThrow(RangeError);
    expect(() => originOf('gate.example')).toThrow(RangeError);
  });

  test('a public URL with a path has it in front of every path', () => {
    for (const publicUrl of ['https://a/door', 'https://a/door/']) {
      const behind = signedRequest(originOf(publicUrl), { method: 'GET', target: '/v1?x', rawHeaders: [] });
      expect(valueOf(behind, '"@path"', '"@target-uri"', '"@request-target"')).toBe(
        '/door/v1\nhttps://a/door/v1?x\n/door/v1?x',
      );
    }
  });

  test.each(['http://evil/', '*', '', 'x', '/a#b'])('the target %j is no target', (target) => {
    expect(refusalOf(() => signedRequest(origin, { method: 'GET', target, rawHeaders: [] }))).toBe(
      'malformed @request-target',
    );
  });

  test.each([
    ['var=this%20is%20a%20big%0Amultiline%20value', 'var', 'this%20is%20a%20big%0Amultiline%20value'],
    ['bar=with+plus+whitespace', 'bar', 'with%20plus%20whitespace'],
    ['fa%C3%A7ade%22%3A%20=something', 'fa%C3%A7ade%22%3A%20', 'something'],
    ['a', 'a', ''],
    ['a=', 'a', ''],
    ['a=b=c', 'a', 'b%3Dc'],
    ['?a=1', '%3Fa', '1'],
    ['a=%zz%4', 'a', '%25zz%254'],
    ['a=%7e~*-._', 'a', '%7E%7E*-._'],
    ['&&a=1&', 'a', '1'],
    ['=1', '', '1'],
    ['a=%2b%2B+', 'a', '%2B%2B%20'],
    ['a=1&b=2', 'c', 'missing_component @query-param'],
    ['A=1', 'a', 'missing_component @query-param'],
    ['a=1&%61=1', 'a', 'bad_component @query-param'],
    ['a=%ff', 'a', 'bad_component @query-param'],
    ['a=\u00e9', 'a', 'bad_component @query-param'],
  ])('of the query %j the parameter %j is %j', (query, name, value) => {
    expect(valueOf(aRequest('GET', `/?${query}`), `"@query-param";name="${name}"`)).toBe(value);
  });
});

describe('fields', () => {
  const request = aRequest(
    'GET',
    '/',
    ['X-Plain', ' \t one \t'],
    ['x-plain', ''],
    ['X-PLAIN', 'two,three'],
    ['X-Empty', ''],
    ['X-Folded', 'a\r\n  b\r\n\tc'],
    ['Priority', 'u=1,    i;x=1;y=2,   c=(a   b   c)'],
    ['X-Dict', 'a=1, b;p, c="x"'],
    ['X-Doubled', 'a=1, a=2'],
    ['Client-Cert', ' :AAE=: '],
    ['X-Latin', 'caf\u00e9'],
    ['X-Line', 'a\n"@method": DELETE'],
    ['@method', 'DELETE'],
  );

  test.each([
    ['"x-plain"', 'one, , two,three'],
    ['"x-empty"', ''],
    ['"x-folded"', 'a b c'],
    ['"x-plain";bs', ':b25l:, ::, :dHdvLHRocmVl:'],
    ['"x-latin";bs', ':Y2Fm6Q==:'],
    ['"priority"', 'u=1,    i;x=1;y=2,   c=(a   b   c)'],
    ['"priority";sf', 'u=1, i;x=1;y=2, c=(a b c)'],
    ['"priority";key="c"', '(a b c)'],
    ['"priority";key="i"', '?1;x=1;y=2'],
    ['"priority";sf;key="u"', '1'],
    ['"x-dict";key="b"', '?1;p'],
    ['"client-cert";sf', ':AAE=:'],
    ['"x-dict";sf', 'unsupported_component x-dict'],
    ['"client-cert";key="a"', 'unsupported_component client-cert'],
    ['"x-dict";key="d"', 'missing_component x-dict'],
    ['"x-doubled";key="a"', 'bad_component x-doubled'],
    ['"x-plain";key="a"', 'bad_component x-plain'],
    ['"x-none"', 'missing_component x-none'],
    ['"x-latin"', 'bad_component x-latin'],
    ['"x-line"', 'bad_component x-line'],
    ['"X-Plain"', 'malformed X-Plain'],
    ['"x plain"', 'malformed x plain'],
    ['""', 'malformed'],
  ])('%s is %j', (identifier, value) => expect(valueOf(request, identifier)).toBe(value));

  test('a name with @ is never a header', () => expect(valueOf(request, '"@method"')).toBe('GET'));

  test('tr reads trailers and nothing else; without it nothing is read from them', () => {
    const trailing = { ...request, rawTrailers: ['Expires', 'soon', 'X-Plain', 'late'] };
    expect(valueOf(trailing, '"expires";tr', '"x-plain";tr', '"x-plain"')).toBe('soon\nlate\none, , two,three');
    expect(valueOf(trailing, '"expires"')).toBe('missing_component expires');
    expect(valueOf(trailing, '"x-empty";tr')).toBe('missing_component x-empty');
    expect(valueOf(request, '"expires";tr')).toBe('missing_component expires');
  });

  test.each([
    ['"@status"', 'unsupported_component @status'],
    ['"@signature-params"', 'unsupported_component @signature-params'],
    ['"@unheard"', 'unsupported_component @unheard'],
    ['"@"', 'unsupported_component @'],
    ['"@method";req', 'unsupported_component @method'],
    ['"x-plain";req', 'unsupported_component x-plain'],
    ['"x-plain";unheard', 'unsupported_component x-plain'],
    ['"x-plain";name="a"', 'unsupported_component x-plain'],
    ['"@method";sf', 'unsupported_component @method'],
    ['"@path";bs', 'unsupported_component @path'],
    ['"@query";key="a"', 'unsupported_component @query'],
    ['"@query-param";name="a";tr', 'unsupported_component @query-param'],
    ['"@query-param"', 'malformed @query-param'],
    ['"@query-param";name', 'malformed @query-param'],
    ['"@query-param";name=a', 'malformed @query-param'],
    ['"priority";bs;sf', 'unsupported_component priority'],
    ['"priority";key="u";bs', 'unsupported_component priority'],
    ['"priority";key=u', 'malformed priority'],
    ['"priority";sf=?0', 'malformed priority'],
    ['"priority";bs=1', 'malformed priority'],
    ['"priority";tr="x"', 'malformed priority'],
  ])('%s is refused: %s', (identifier, refusal) => expect(valueOf(request, identifier)).toBe(refusal));

  test('the same component twice is refused, in whatever order its parameters stand', () => {
    expect(valueOf(request, '"x-plain"', '"x-plain"')).toBe('duplicate_component x-plain');
    expect(valueOf(request, '"priority";sf;key="u"', '"priority";key="u";sf')).toBe('duplicate_component priority');
    expect(valueOf(request, '"priority";key="u"', '"priority";key="c"')).toBe('1\n(a b c)');
    expect(valueOf(request, '"priority";sf', '"priority"')).toContain('\n');
    expect(valueOf(aRequest('GET', '/?a=1'), '"@query-param";name="a"', '"@query-param";name="a"')).toBe(
      'duplicate_component @query-param',
    );
  });

  test('an error names no more of a component than is worth keeping', () => {
    expect(valueOf(request, `"x-${'long'.repeat(1000)}"`).length).toBeLessThan(200);
  });

  test('a signer cannot make us work for long: a wide header, covered in every way there is', () => {
    const wide = withHeaders(aRequest('GET', '/'), { 'X-Wide': `a="${' '.repeat(8000)}", b=1` });
    const ways = ['', ';bs', ';key="a"', ';key="b"'].map((parameters) => `"x-wide"${parameters}`);
    expect(valueOf(wide, ...ways)).toContain('\n1');
  });
});
