import {
  type Parameters,
  parseDictionary,
  type ReceivedMember,
  serialiseMember,
  StructuredFieldError,
} from '../structured-field.js';
import { SignatureError } from './signature-error.js';
import { fieldLines } from './signed-request.js';

/** One signature of a request, taken apart. Nothing here is verified. */
export interface RequestSignature {
  readonly label: string;
  /** In the order signed. */
  readonly components: readonly CoveredComponent[];
  /** Seconds since 1970, like `expires`. */
  readonly created: number | null;
  readonly expires: number | null;
  readonly nonce: string | null;
  readonly alg: string | null;
  readonly keyid: string | null;
  readonly tag: string | null;
  /** The value of `@signature-params`: the member of Signature-Input in the very characters received. */
  readonly parameters: string;
  readonly bytes: Buffer;
}

/** A component identifier (RFC 9421 section 2). */
export interface CoveredComponent {
  /** `@method`, or a field's name. */
  readonly name: string;
  readonly parameters: Parameters;
  /** As it stands in the signature base, such as `"content-digest";key="sha-256"`. */
  readonly identifier: string;
}

/** Of a request. Whoever sends more wants us to look for keys. */
const maxSignatures = 8;
/** Of a signature: every one costs a walk through what it names. */
const maxComponents = 64;

/**
 * Reads Signature-Input and Signature (RFC 9421 section 4) over all of their field lines. A label is in both, once in
 * each; no parameter occurs twice; each member of Signature-Input is written as RFC 9651 writes it, so that what we
 * rebuild is what was sent. Throws {@link SignatureError} `malformed` or `too_many`.
 */
export function parseSignatures(rawHeaders: readonly string[]): readonly RequestSignature[] {
  const inputs = dictionary(rawHeaders, 'signature-input');
  const signatures = dictionary(rawHeaders, 'signature');
  if (inputs.size > maxSignatures || signatures.size > maxSignatures) {
    throw new SignatureError('too_many', null, `A request has at most ${maxSignatures} signatures.`);
  }
  for (const label of signatures.keys()) {
    if (!inputs.has(label))
      throw malformed('signature-input', `Signature-Input lacks the label ${label} of Signature.`);
  }
  return [...inputs].map(([label, input]) => {
    const signature = signatures.get(label);
    if (signature === undefined) {
      throw malformed('signature', `Signature lacks the label ${label} of Signature-Input.`);
    }
    return { label, ...readInput(label, input), bytes: readBytes(label, signature) };
  });
}

/** The keys that the signatures name, each once: the caller finds out which of them are clients. */
export function keyidsOf(signatures: readonly RequestSignature[]): readonly string[] {
  return [...new Set(signatures.flatMap(({ keyid }) => keyid ?? []))];
}

/**
 * The one signature that names a client, whatever its label. Signatures under other keys are not ours to judge: a
 * proxy may have added them. Two that name a client, even the same one, are refused rather than chosen from.
 */
export function chooseSignature(
  signatures: readonly RequestSignature[],
  isClient: (keyid: string) => boolean,
): RequestSignature {
  const [candidate, ...others] = signatures.filter(({ keyid }) => keyid !== null && isClient(keyid));
  if (candidate === undefined) throw new SignatureError('unknown_key', null, 'No signature names a known client.');
  if (others.length > 0) throw new SignatureError('ambiguous', null, 'More than one signature names a client.');
  return candidate;
}

function dictionary(rawHeaders: readonly string[], name: 'signature-input' | 'signature') {
  let members: ReadonlyMap<string, ReceivedMember>;
  try {
    members = parseDictionary(fieldLines(rawHeaders, name), { duplicates: 'refuse' });
  } catch (cause) {
    if (!(cause instanceof StructuredFieldError)) throw cause;
    throw new SignatureError('malformed', name, `${titles[name]}: ${cause.message}`, { cause });
  }
  if (members.size === 0) throw malformed(name, `${titles[name]} is missing or empty.`);
  return members;
}

const titles = { 'signature-input': 'Signature-Input', signature: 'Signature' } as const;

function readInput(label: string, input: ReceivedMember): Omit<RequestSignature, 'label' | 'bytes'> {
  if (!('items' in input)) throw malformed('signature-input', `${label} in Signature-Input is not a list in brackets.`);
  if (serialiseMember(input) !== input.text) {
    throw malformed('signature-input', `${label} in Signature-Input has a space or a number in an uncommon form.`);
  }
  if (input.items.length > maxComponents) {
    throw new SignatureError('too_many', null, `A signature covers at most ${maxComponents} components.`);
  }
  const components = input.items.map((item) => {
    const { bare, parameters } = item;
    if (bare.type !== 'string')
      throw malformed('signature-input', `A component of ${label} is not a string in quotes.`);
    return { name: bare.value, parameters, identifier: serialiseMember(item) };
  });
  return {
    components,
    created: timeOf(label, input.parameters, 'created'),
    expires: timeOf(label, input.parameters, 'expires'),
    nonce: textOf(label, input.parameters, 'nonce'),
    alg: textOf(label, input.parameters, 'alg'),
    keyid: textOf(label, input.parameters, 'keyid'),
    tag: textOf(label, input.parameters, 'tag'),
    // Parameters that we do not know are in it, so they are signed; they mean nothing here (section 2.3).
    parameters: input.text,
  };
}

function readBytes(label: string, member: ReceivedMember): Buffer {
  if (!('bare' in member) || member.bare.type !== 'bytes' || member.parameters.size > 0) {
    throw malformed('signature', `${label} in Signature is not base64 between colons.`);
  }
  return member.bare.value;
}

function textOf(label: string, parameters: Parameters, name: string): string | null {
  const bare = parameters.get(name);
  if (bare === undefined) return null;
  if (bare.type !== 'string') throw malformed('signature-input', `${name} of ${label} is not a string in quotes.`);
  return bare.value;
}

function timeOf(label: string, parameters: Parameters, name: string): number | null {
  const bare = parameters.get(name);
  if (bare === undefined) return null;
  if (bare.type !== 'integer') throw malformed('signature-input', `${name} of ${label} is not a whole number.`);
  return bare.value;
}

function malformed(component: string, message: string): SignatureError {
  return new SignatureError('malformed', component, message);
}
