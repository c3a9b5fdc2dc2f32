import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { MAX_TARGET_BYTES, RouteTable, normalisePath, type Route } from './index.js';
import { pathSegments } from './path-rules.js';

const VECTORS = new URL('../../../../shared/vectors/', import.meta.url);

function protecting(match: string): RouteTable {
  const [method = '', path = ''] = match.split(' ');
  const route: Route = {
    match,
    method,
    path,
    permissions: ['admin:view'],
    permissionIndexes: [0],
    public: false,
    upstream: 'u',
    file: 'policy.yaml',
    line: 1,
  };
  return new RouteTable([route]);
}

describe('a path means one thing or is refused', () => {
  test.each([
    ['/', '/', null],
    ['/v1/things', '/v1/things', null],
    ['/v1/things/', '/v1/things/', null],
    ['/v1/things?a=1&b=%2f..%2f', '/v1/things', 'a=1&b=%2f..%2f'],
    ['/v1/things?', '/v1/things', ''],
    ['/v1/things??x=//;', '/v1/things', '?x=//;'],
    ['/v1/%74hings', '/v1/things', null],
    ['/%7Euser/a%5fb', '/~user/a_b', null],
    ['/a%20b', '/a%20b', null],
    ['/a%c3%a9', '/a%C3%A9', null],
    ['/a%40b/@', '/a%40b/@', null],
    ['/100%25', '/100%25', null],
    ['/.well-known/jwks.json', '/.well-known/jwks.json', null],
    ['/a...b/.hidden/..c', '/a...b/.hidden/..c', null],
    ["/!$&'()*+,=:@-._~", "/!$&'()*+,=:@-._~", null],
  ])('%s is %s', (target, path, query) => {
    expect(normalisePath(target)).toEqual({ ok: true, path, query });
  });

  test.each([
    '',
    '*',
    'things',
    '?x',
    'http://evil.test/things',
    '//evil/things',
    '/a//b',
    '/a//',
    '/.',
    '/..',
    '/a/./b',
    '/a/../b',
    '/a/..',
    '/a/.',
    '/%2e%2e/b',
    '/a/%2E',
    '/file%2ejson',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/a?b\\c',
    '/a#b',
    '/a?b#c',
    '/a;b',
    '/a;b=c/d',
    '/a%3bb',
    '/a b',
    '/a\tb',
    '/a\nb',
    '/a?b\r\nc',
    '/a\x00b',
    '/a\x7fb',
    '/é',
    '/a?é',
    '/a%00',
    '/a%0a',
    '/a%0d%0aX',
    '/a%1f',
    '/a%7f',
    '/a%C2%85',
    '/a%',
    '/a%2',
    '/a%zz',
    '/a%u002f',
    '/a%ff',
    '/a%c0%af',
    '/a%e0%80%af',
    '/a%ed%a0%80',
    '/a%252fb',
    '/a%252e%252e/b',
    '/a%25%32%66b',
    '/a%2%35',
    '/a[0]',
    '/a{b}',
    '/a|b',
    '/a"b',
    '/a<b>',
    '/a^b',
    '/a`b',
  ])('%j is refused', (target) => {
    expect(normalisePath(target)).toEqual({ ok: false, reason: expect.any(String) as string });
  });

  test('a target of exactly the longest length passes, one byte more is refused', () => {
    expect(normalisePath(`/${'a'.repeat(MAX_TARGET_BYTES - 1)}`).ok).toBe(true);
    expect(normalisePath(`/${'a'.repeat(MAX_TARGET_BYTES)}`).ok).toBe(false);
    expect(normalisePath(`/?${'a'.repeat(MAX_TARGET_BYTES - 1)}`).ok).toBe(false);
  });
});

describe('what is accepted is safe, whatever was sent', () => {
  const piece = fc.oneof(
    fc.constantFrom('/', '.', '%', '2', 'f', 'F', 'e', '5', 'c', ';', '%2', '%25', '%2e', '%2f', '%41', '%c3%a9', '?'),
    fc.string({ unit: 'binary', maxLength: 2 }),
  );
  const targets = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

  test('never a crash; no decoding yields another segment, a dot segment, ";" or a control character', () => {
    fc.assert(
      fc.property(targets, (target) => {
        const result = normalisePath(target);
        if (!result.ok) return;
        for (const decoded of [decodeURIComponent(result.path), twice(result.path)]) {
          expect(decoded.split('/')).toHaveLength(result.path.split('/').length);

          expect(decoded).not.toMatch(/[\x00-\x1f\x7f;\\]|\/\/|(?:^|\/)\.\.?(?:\/|$)/);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('normalising again changes nothing', () => {
    fc.assert(
      fc.property(targets, (target) => {
        const result = normalisePath(target);
        if (result.ok) expect(normalisePath(result.path)).toEqual({ ok: true, path: result.path, query: null });
      }),
      { numRuns: 3000 },
    );
  });

  test('two spellings of one path are the same to the rules', () => {
    const spelled = fc.array(fc.tuple(fc.constantFrom(...'abcXYZ019-_~@:+='), fc.boolean()), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(spelled, (characters) => {
        const plain = `/${characters.map(([character]) => character).join('')}`;
        const written = characters.map(([c, escape]) => (escape ? `%${c.charCodeAt(0).toString(16)}` : c));
        const [a, b] = [normalisePath(plain), normalisePath(`/${written.join('')}`)];
        if (!a.ok || !b.ok) throw new Error('both must pass');
        expect(pathSegments(b.path)).toEqual(pathSegments(a.path));
      }),
    );
  });

  function twice(path: string): string {
    try {
      return decodeURIComponent(decodeURIComponent(path));
    } catch {
      return decodeURIComponent(path);
    }
  }
});

/** Lists of two scanners for doors left open. They are in a folder beside the checkout, which a clone may not have. */
const present = existsSync(new URL('seclists-403/paths.txt', VECTORS));
(present ? describe : describe.skip)('published bypass lists (need ../shared/vectors)', () => {
  const lines = (name: string) =>
    readFileSync(new URL(name, VECTORS), 'utf8')
      .split('\n')
      .map((line) => line.replace(/\r$/, ''))
      .filter((line) => line !== '');

  /** What such a target may still mean: the very path, spelled with a query or with letters escaped for no reason. */
  const means = (target: string) =>
    (target.split('?')[0] ?? '').replace(/%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])/gi, decodeURIComponent);
  const admitted = (targets: string[], match: string) => {
    const table = protecting(match);
    return targets.filter((target) => {
      // A scanner sends bytes: what is not ASCII arrives as Latin-1.
      const result = normalisePath(Buffer.from(target).toString('latin1'));
      return result.ok && table.match('GET', result.path) !== undefined;
    });
  };

  test('of the SecLists paths only the exact one opens the protected route', () => {
    const targets = lines('seclists-403/paths.txt');
    expect(targets).toHaveLength(76);
    const open = admitted(targets, 'GET /admin');
    expect(open.filter((target) => means(target) !== '/admin')).toEqual([]);
    expect(open).toEqual(['/admin?', '/admin??', '/admin?id=1'].filter((target) => targets.includes(target)));
  });

  test('of the nomore403 payloads before and after the path only the exact one opens the protected route', () => {
    const middle = lines('nomore403-bypass-payloads/midpaths');
    const end = lines('nomore403-bypass-payloads/endpaths');
    expect(middle.length + end.length).toBeGreaterThan(240);
    const targets = [
      ...middle.flatMap((payload) => [`/${payload}admin`, `/v1/${payload}admin`, `/v1/${payload}/admin`]),
      ...end.flatMap((payload) => [`/admin${payload}`, `/admin/${payload}`]),
    ];
    for (const match of ['GET /admin', 'GET /v1/admin']) {
      expect(admitted(targets, match).filter((target) => means(target) !== match.slice(4))).toEqual([]);
    }
  });

  test('no listed path reaches a public neighbour with the protected name inside', () => {
    const targets = [
      ...lines('seclists-403/paths.txt'),
      ...lines('nomore403-bypass-payloads/midpaths').flatMap((payload) => [
        `/public/${payload}admin`,
        `/public/${payload}/admin`,
        `/public${payload}/admin`,
      ]),
    ];
    // What passes as public must stay below /public for an upstream that decodes and resolves, twice.
    for (const target of admitted(targets, '* /public/**')) {
      const path = target.split('?')[0] ?? '';
      const once = decodeURIComponent(path);
      expect(new URL(once, 'http://upstream.test').pathname).toMatch(/^\/public(?:\/|$)/);
      expect(once).not.toMatch(/(?:^|\/)\.\.?(?:[;/]|$)/);
    }
  });

  test('of the listed methods only GET and HEAD open a route for GET', () => {
    const table = protecting('GET /admin');
    const methods = [...lines('nomore403-bypass-payloads/httpmethods'), 'get', 'XGET', 'GETX', 'GET ', 'HEAD', 'TRACE'];
    expect([...new Set(methods.filter((method) => table.match(method, '/admin')))].sort()).toEqual(['GET', 'HEAD']);
  });
});
