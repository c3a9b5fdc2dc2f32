import fc from 'fast-check';
import { RouteTable, type Route } from './index.js';
import { hides, readPattern, type RoutePattern } from './route-table.js';

function table(...matches: string[]): RouteTable {
  return new RouteTable(
    matches.map((match, at): Route => {
      const [method = '', path = ''] = match.split(' ');
      const rest = { permissionIndexes: [], public: false, file: 'policy.yaml', line: at + 1 };
      return { match, method, path, permissions: [`p${at}`], upstream: at % 2 ? 'odd' : 'even', ...rest };
    }),
  );
}

function pattern(match: string): RoutePattern {
  const read = readPattern(match);
  if (typeof read === 'string') throw new Error(read);
  return read;
}

describe('matching', () => {
  test.each([
    ['GET /a', 'GET', '/a', true],
    ['GET /a', 'HEAD', '/a', true],
    ['GET /a', 'POST', '/a', false],
    ['GET /a', 'get', '/a', false],
    ['GET /a', 'XGET', '/a', false],
    ['POST /a', 'HEAD', '/a', false],
    ['GET /a', 'GET', '/A', false],
    ['GET /a', 'GET', '/a/', false],
    ['GET /a/', 'GET', '/a/', true],
    ['GET /a/', 'GET', '/a', false],
    ['GET /', 'GET', '/', true],
    ['GET /', 'GET', '/a', false],
    ['* /a', 'PROPFIND', '/a', true],
    ['* /a', 'OPTIONS', '/a', true],
    ['* /a', 'TRACE', '/a', false],
    ['* /a', 'CONNECT', '/a', false],
    ['GET /a/*', 'GET', '/a/b', true],
    ['GET /a/*', 'GET', '/a', false],
    ['GET /a/*', 'GET', '/a/', false],
    ['GET /a/*', 'GET', '/a/b/c', false],
    ['GET /a/*', 'GET', '/a/b/', false],
    ['GET /a/*/c', 'GET', '/a/b/c', true],
    ['GET /a/*/c', 'GET', '/a//c', false],
    ['GET /*', 'GET', '/a', true],
    ['GET /*', 'GET', '/', false],
    ['GET /a/**', 'GET', '/a', true],
    ['GET /a/**', 'GET', '/a/', true],
    ['GET /a/**', 'GET', '/a/b/c/d', true],
    ['GET /a/**', 'GET', '/ab', false],
    ['GET /a/*/**', 'GET', '/a', false],
    ['GET /a/*/**', 'GET', '/a/', false],
    ['GET /a/*/**', 'GET', '/a/b', true],
    ['GET /**', 'GET', '/', true],
    ['GET /**', 'GET', '/x/y', true],
    ['GET /@me', 'GET', '/%40me', true],
    ['GET /a%20b', 'GET', '/a%20b', true],
    ['GET /caf%C3%A9', 'GET', '/caf%C3%A9', true],
    ['GET /a', 'GET', '/%2A', false],
    ['GET /%61', 'GET', '/a', true],
  ])('%s, asked %s %s: %s', (match, method, path, matched) => {
    expect(table(match).match(method, path) !== undefined).toBe(matched);
  });

  test('the first route that matches wins, whatever its first segment is', () => {
    const routes = table('GET /a/b', 'GET /*/b', 'GET /a/**', 'GET /c/b', '* /**');
    const line = (path: string) => routes.match('GET', path)?.line;
    expect(['/a/b', '/x/b', '/a/z', '/c/b', '/c/d', '/'].map(line)).toEqual([1, 2, 3, 2, 5, 5]);
  });

  test('no route is no match, which is a refusal', () => {
    expect(table().match('GET', '/')).toBeUndefined();
    expect(table('GET /a').match('GET', '/b')).toBeUndefined();
  });

  test('an upstream is told only of the permissions that its own routes require', () => {
    expect(table('GET /a', 'GET /b', 'GET /c').permissionsOf('even')).toEqual(['p0', 'p2']);
    expect(table('GET /a').permissionsOf('nobody')).toEqual([]);
  });
});

test.each([
  '',
  'GET',
  '/a',
  'GET  /a',
  'GET /a ',
  'GET a',
  'get /a',
  'GTE /a',
  'HEAD /a',
  'TRACE /a',
  'GET,POST /a',
  'GET /a//b',
  'GET //a',
  'GET //**',
  'GET /a/../b',
  'GET /a;b',
  'GET /a%2fb',
  'GET /a%',
  'GET /a?b',
  'GET /a#b',
  'GET /**/a',
  'GET /a*',
  'GET /a/b**',
  'GET /***',
  'GET /é',
])('%j is no pattern', (match) => {
  expect(readPattern(match)).toEqual(expect.any(String));
});

describe('hiding', () => {
  test.each([
    ['GET /a', 'GET /a', true],
    ['* /a', 'GET /a', true],
    ['GET /a', '* /a', false],
    ['GET /a', 'POST /a', false],
    ['GET /*', 'GET /a', true],
    ['GET /a', 'GET /*', false],
    ['GET /*', 'GET /', false],
    ['GET /a/*', 'GET /a/', false],
    ['GET /a/**', 'GET /a', true],
    ['GET /a/**', 'GET /a/', true],
    ['GET /a/**', 'GET /a/*/c', true],
    ['GET /a/**', 'GET /a/b/**', true],
    ['GET /a/b/**', 'GET /a/**', false],
    ['GET /a/*', 'GET /a/**', false],
    ['GET /*/**', 'GET /a/**', true],
    ['GET /*/**', 'GET /**', false],
    ['GET /%61', 'GET /a', true],
  ])('%s hides %s: %s', (upper, lower, hidden) => {
    expect(hides(pattern(upper), pattern(lower))).toBe(hidden);
  });

  test('a route hides another exactly when no request tells them apart', () => {
    const segments = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 3 });
    const matches = fc
      .tuple(fc.constantFrom('GET', 'POST', '*'), segments, fc.constantFrom('', '/', '/**'))
      .map(([method, parts, end]) => `${method} /${parts.join('/')}${parts.length === 0 ? end.slice(1) : end}`);
    const words = ['a', 'b', 'z'];
    const paths = [
      '/',
      ...words.flatMap((x) => [
        `/${x}`,
        ...words.flatMap((y) => [`/${x}/${y}`, ...words.map((z) => `/${x}/${y}/${z}`)]),
      ]),
    ];
    const requests = ['GET', 'POST', 'PUT'].flatMap((method) =>
      paths
        .flatMap((path) => [path, ...(path === '/' ? [] : [`${path}/`, `${path}/z/z/z/z`])])
        .map((path) => ({ method, path })),
    );
    fc.assert(
      fc.property(matches, matches, (upper, lower) => {
        const [high, low] = [table(upper), table(lower)];
        const contained = requests.every(({ method, path }) => !low.match(method, path) || high.match(method, path));
        expect(hides(pattern(upper), pattern(lower))).toBe(contained);
      }),
      { numRuns: 2000 },
    );
  });
});
