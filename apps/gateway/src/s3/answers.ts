import { S3Fault } from '@portcullis/credentials';
import { type S3Operation } from './operations.js';
import {
  childText,
  escapeXml,
  localName,
  parseXml,
  s3Root,
  type XmlElement,
  xmlDocument,
  xmlElement,
  XmlFault,
} from './xml.js';

/** An upstream's error, with what clients may know of it. */
export interface UpstreamError {
  readonly code: string;
  readonly message: string;
  readonly more: readonly (readonly [name: string, text: string])[];
}

/** Details that S3 has for some codes. The rest says where the upstream is, or what it signed. */
const details = new Set([
  'ActualObjectSize',
  'ArgumentName',
  'BucketName',
  'Condition',
  'ETag',
  'Key',
  'MaxSizeAllowed',
  'Method',
  'MinSizeAllowed',
  'PartNumber',
  'ProposedSize',
  'RangeRequested',
  'ResourceType',
  'UploadId',
  'VersionId',
]);

/** The upstream's words about us, not about the client. */
const aboutUs = new Set([
  'AccountProblem',
  'AuthorizationHeaderMalformed',
  'CredentialsNotSupported',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidSecurity',
  'InvalidToken',
  'NotSignedUp',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);

/**
 * What an upstream's answer that is no success says. Where it is about the gateway itself, a fault that is for the operator:
 * `S3Fault` `InternalError`.
 */
export function upstreamError(
  status: number,
  body: Buffer,
  about: { readonly hasKey: boolean },
): UpstreamError | S3Fault {
  if (status < 400) {
    return new S3Fault(
      'InternalError',
      'upstream_redirect',
      'The storage behind the gateway is set up for another address.',
    );
  }
  const root = readError(body);
  const code = (root && textOf(root, 'Code')) || codeOf(status, about);
  if (aboutUs.has(code)) {
    return new S3Fault(
      'InternalError',
      'upstream_credentials',
      "The storage behind the gateway refused the gateway's own credentials. Whoever runs the gateway has to set them right.",
    );
  }
  const more = (root?.children ?? []).flatMap((child) =>
    details.has(localName(child)) && child.children.length === 0 ? [[localName(child), child.text] as const] : [],
  );
  return { code, message: messageOf(code, (root && textOf(root, 'Message')) ?? ''), more };
}

/** Why it denies something to us is ours: AWS names the account, the user and the policy. */
function messageOf(code: string, message: string): string {
  if (code === 'AccessDenied') return 'The storage behind the gateway does not allow this.';
  return /\b(?:arn:|A[KS]IA[A-Z0-9])/.test(message) ? '' : message;
}

/** Undefined for what is there twice, too: nobody can say which counts. */
function textOf(root: XmlElement, name: string): string | undefined {
  try {
    return childText(root, name);
  } catch (error) {
    if (error instanceof XmlFault) return undefined;
    throw error;
  }
}

function readError(body: Buffer): XmlElement | undefined {
  try {
    const root = parseXml(body);
    return localName(root) === 'Error' ? root : undefined;
  } catch (error) {
    if (error instanceof XmlFault) return undefined;
    throw error;
  }
}

function codeOf(status: number, { hasKey }: { readonly hasKey: boolean }): string {
  switch (status) {
    case 403:
      return 'AccessDenied';
    case 404:
      return hasKey ? 'NoSuchKey' : 'NoSuchBucket';
    case 405:
      return 'MethodNotAllowed';
    case 409:
      return 'OperationAborted';
    case 412:
      return 'PreconditionFailed';
    case 416:
      return 'InvalidRange';
    case 503:
      return 'ServiceUnavailable';
    default:
      return status >= 500 ? 'InternalError' : 'InvalidRequest';
  }
}

export interface Rewriting {
  readonly organizationId: string;
  readonly region: string;
  /** Where clients find the object. */
  readonly location: string;
}

/** How an operation's document is rewritten for the client; undefined: it passes as it is. */
export function rewriteOf({ name }: S3Operation): ((body: Buffer, about: Rewriting) => string) | undefined {
  switch (name) {
    case 'ListObjects':
    case 'ListObjectsV2':
    case 'ListObjectVersions':
    case 'ListMultipartUploads':
    case 'ListParts':
    case 'GetBucketAcl':
    case 'GetObjectAcl':
      return (body, { organizationId }) => withoutOwners(body.toString(), organizationId);
    case 'CompleteMultipartUpload':
      return completed;
    case 'CopyObject':
    case 'UploadPartCopy':
      return (body) => xmlDocument(parseXml(body));
    case 'GetBucketLocation':
      return (_body, { region }) => xmlDocument(s3Root('LocationConstraint', region === 'us-east-1' ? '' : region));
    default:
      return undefined;
  }
}

/**
 * Whoever owns what is stored is the organization here. On the text: in it no `<` stands but before a name, so that nothing that a
 * client has written can look like an owner.
 */
function withoutOwners(text: string, organizationId: string): string {
  if (text.includes('<![CDATA[')) throw new XmlFault('it has a CDATA section');
  const id = escapeXml(organizationId);
  const ownerId = /<Owner(?:\s[^<>]*)?>\s*<ID>([^<]*)<\/ID>/.exec(text)?.[1];
  const renamed = text.replaceAll(
    /<(Owner|Initiator)(?:\s[^<>]*[^<>/])?>[^]*?<\/\1\s*>/g,
    (_, name: string) => `<${name}><ID>${id}</ID><DisplayName>${id}</DisplayName></${name}>`,
  );
  if (ownerId === undefined || ownerId === '') return renamed;
  return renamed
    .replaceAll(`<ID>${ownerId}</ID>`, `<ID>${id}</ID>`)
    .replaceAll(/(<ID>[^<]*<\/ID>\s*)<DisplayName>[^<]*<\/DisplayName>/g, `$1<DisplayName>${id}</DisplayName>`);
}

function completed(body: Buffer, { location }: Rewriting): string {
  const root = parseXml(body);
  if (localName(root) !== 'CompleteMultipartUploadResult') return xmlDocument(root);
  const kept = root.children.filter((child) => localName(child) !== 'Location');
  return xmlDocument(s3Root('CompleteMultipartUploadResult', [xmlElement('Location', location), ...kept]));
}

/** A copy that failed after its 200 was sent has an Error in the place of its result. */
export function errorInAnswer(body: Buffer): boolean {
  // Long lists are not read twice for this.
  return body.includes('Error') && readError(body) !== undefined;
}
