import {
  parseDictionary,
  parseItem,
  parseList,
  serialiseBare,
  serialiseDictionary,
  serialiseList,
  serialiseMember,
  StructuredFieldError,
} from '../structured-field.js';
import { queryParameters } from './query-parameters.js';
import { SignatureError, type SignatureErrorCode } from './signature-error.js';
import { type CoveredComponent, type RequestSignature } from './signature-fields.js';
import { type SignedRequest } from './signed-request.js';

/**
 * The signature base of a request (RFC 9421 section 2.5): what a signature is over, in ASCII. The last line holds the
 * parameters as received. Throws {@link SignatureError} with the first component that cannot be in it:
 * `unsupported_component`, `duplicate_component`, `missing_component`, `bad_component` or `malformed`.
 */
export function signatureBase(
  request: SignedRequest,
  { components, parameters }: Pick<RequestSignature, 'components' | 'parameters'>,
): string {
  const values = new ComponentValues(request);
  const seen = new Set<string>();
  const lines = components.map((component) => {
    const value = values.of(component);
    // The order of its parameters is no part of what a component is.
    const identity = [
      component.name,
      ...[...component.parameters].map(([key, bare]) => key + serialiseBare(bare)).sort(),
    ];
    if (seen.size === seen.add(identity.join(';')).size)
      throw fault('duplicate_component', component, 'is covered twice');
    return `${component.identifier}: ${value}`;
  });
  return [...lines, `"@signature-params": ${parameters}`].join('\n');
}

/** Reads components of one request, one after the other. */
class ComponentValues {
  private readonly headers: ReadonlyMap<string, readonly string[]>;
  private readonly trailers: ReadonlyMap<string, readonly string[]>;
  private parameters: ReturnType<typeof queryParameters> | undefined;

  constructor(private readonly request: SignedRequest) {
    this.headers = byName(request.rawHeaders);
    this.trailers = byName(request.rawTrailers);
  }

  of(component: CoveredComponent): string {
    checkParameters(component);
    const value = component.name.startsWith('@') ? this.derived(component) : this.field(component);
    // Node refuses most of this in a header; a line end in the base would be a component that nobody signed.
    if (!/^[\t\x20-\x7e]*$/.test(value)) throw fault('bad_component', component, 'is not plain ASCII on one line');
    return value;
  }

  /** RFC 9421 section 2.2. `@status` is of responses, and `@signature-params` covers itself by being the last line. */
  private derived(component: CoveredComponent): string {
    const { method, scheme, authority, path, query } = this.request;
    const target = query === null ? path : `${path}?${query}`;
    switch (component.name) {
      case '@method':
        return method;
      case '@target-uri':
        return `${scheme}://${authority}${target}`;
      case '@authority':
        return authority;
      case '@scheme':
        return scheme;
      case '@request-target':
        return target;
      case '@path':
        return path;
      case '@query':
        return `?${query ?? ''}`;
      case '@query-param':
        return this.queryParameter(component);
      default:
        throw fault('unsupported_component', component, 'is no component of a request');
    }
  }

  private queryParameter(component: CoveredComponent): string {
    this.parameters ??= queryParameters(this.request.query ?? '');
    if (this.parameters === null) throw fault('bad_component', component, 'is of a query that is not UTF-8');
    const name = component.parameters.get('name');
    if (name?.type !== 'string') throw fault('malformed', component, 'names no parameter of the query');
    const value = this.parameters.get(name.value);
    if (value === undefined) throw fault('missing_component', component, 'is not in the query');
    if (value === null) throw fault('bad_component', component, 'is in the query more than once');
    return value;
  }

  /** RFC 9421 section 2.1. */
  private field(component: CoveredComponent): string {
    const { name, parameters } = component;
    if (!fieldName.test(name)) throw fault('malformed', component, 'is not the lower-case name of a field');
    const lines = (parameters.has('tr') ? this.trailers : this.headers).get(name);
    if (lines === undefined) throw fault('missing_component', component, 'is not in the request');
    const values = lines.map(unfolded);
    if (parameters.has('bs')) {
      return values.map((value) => `:${Buffer.from(value, 'latin1').toString('base64')}:`).join(', ');
    }
    if (!parameters.has('sf') && !parameters.has('key')) return values.join(', ');
    try {
      return this.structured(component, values);
    } catch (cause) {
      if (!(cause instanceof StructuredFieldError)) throw cause;
      throw fault('bad_component', component, 'is not the structured field that the signature takes it for');
    }
  }

  private structured(component: CoveredComponent, values: readonly string[]): string {
    const key = component.parameters.get('key');
    const type = structuredFields.get(component.name);
    if (key?.type === 'string') {
      // A field that we do not know is a dictionary because the signer says so: it is the only reading that `key` has.
      if ((type ?? 'dictionary') !== 'dictionary') throw fault('unsupported_component', component, 'is no dictionary');
      const member = parseDictionary(values, { duplicates: 'refuse' }).get(key.value);
      if (member === undefined) throw fault('missing_component', component, 'is not in its dictionary');
      return serialiseMember(member);
    }
    switch (type) {
      case 'dictionary':
        return serialiseDictionary(parseDictionary(values));
      case 'list':
        return serialiseList(parseList(values));
      case 'item':
        return serialiseMember(parseItem(values));
      case undefined:
        throw fault('unsupported_component', component, 'is not known as a structured field');
    }
  }
}

const fieldName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** Of IANA's registry, those that a request may carry; `sf` needs to know which of the three a field is. */
const structuredFields: ReadonlyMap<string, 'item' | 'list' | 'dictionary'> = new Map([
  ['accept-signature', 'dictionary'],
  ['client-cert', 'item'],
  ['client-cert-chain', 'list'],
  ['content-digest', 'dictionary'],
  ['priority', 'dictionary'],
  ['repr-digest', 'dictionary'],
  ['signature', 'dictionary'],
  ['signature-input', 'dictionary'],
  ['want-content-digest', 'dictionary'],
  ['want-repr-digest', 'dictionary'],
]);

/** Which parameters a component may have, each of which type, and which not together (RFC 9421 section 2.1). */
function checkParameters(component: CoveredComponent): void {
  const { name, parameters } = component;
  const derived = name.startsWith('@');
  for (const [key, bare] of parameters) {
    const isKnown = derived ? name === '@query-param' && key === 'name' : fieldParameters.has(key);
    // `req` among them: it takes a component from the request that a response answers.
    if (!isKnown) throw fault('unsupported_component', component, 'has a parameter that it cannot have');
    const flag = bare.type === 'boolean' && bare.value;
    if (key === 'key' || key === 'name' ? bare.type !== 'string' : !flag) {
      throw fault('malformed', component, 'has a parameter of another type');
    }
  }
  if (parameters.has('bs') && (parameters.has('sf') || parameters.has('key'))) {
    throw fault('unsupported_component', component, 'cannot be taken as bytes and as a structured field');
  }
}

const fieldParameters: ReadonlySet<string> = new Set(['sf', 'key', 'bs', 'tr']);

function byName(raw: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? '';
    const value = raw[at + 1] ?? '';
    const lines = fields.get(name);
    if (lines === undefined) fields.set(name, [value]);
    else lines.push(value);
  }
  return fields;
}

/** Without white space at the ends, and a folded line on one (RFC 9110 section 5.5, RFC 9112 section 5.2). */
function unfolded(line: string): string {
  return line.includes('\r\n')
    ? line
        .split(/\r\n(?=[ \t])/)
        .map(trimmed)
        .join(' ')
    : trimmed(line);
}

/** Not String.trim, which takes other characters for white space; nor a pattern, whose time grows with the square. */
function trimmed(text: string): string {
  const isSpace = (at: number) => text[at] === ' ' || text[at] === '\t';
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return text.slice(start, end);
}

/** Of a name in an error: who signs may write anything there, and errors are kept. */
const maxNameCharacters = 128;

function fault(code: SignatureErrorCode, { identifier, name }: CoveredComponent, what: string): SignatureError {
  return new SignatureError(
    code,
    name.slice(0, maxNameCharacters),
    `${identifier.slice(0, maxNameCharacters)} ${what}.`,
  );
}
