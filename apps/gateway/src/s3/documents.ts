import { createHash } from 'node:crypto';
import { S3Fault } from '@portcullis/credentials';
import { deleteDocument, maxDeleteBytes, readDeleteOrder } from './delete-objects.js';
import { type HeaderList } from './headers.js';
import { type S3Operation } from './operations.js';
import {
  childText,
  elementsOf,
  localName,
  parseXml,
  s3Root,
  type XmlElement,
  xmlDocument,
  xmlElement,
  XmlFault,
} from './xml.js';

/** A document as the upstream gets it, and the buckets that it names. */
export interface CheckedDocument {
  readonly bytes: Buffer;
  readonly headers: HeaderList;
  readonly buckets: readonly string[];
}

/** Ten thousand parts, each with a checksum. */
const maxPartsBytes = 4_194_304;
const maxConfigurationBytes = 262_144;

export function maxDocumentBytes({ name }: S3Operation): number {
  if (name === 'DeleteObjects') return maxDeleteBytes;
  return name === 'CompleteMultipartUpload' ? maxPartsBytes : maxConfigurationBytes;
}

/**
 * What is in a request's document, written anew: what was checked is what the upstream reads. Throws `S3Fault` for what cannot be read.
 * @param regions ours, which clients name, and the upstream's, which it wants to read
 */
export function checkedDocument(
  { name }: S3Operation,
  body: Buffer,
  regions: { readonly own: string; readonly upstream: string },
): CheckedDocument {
  if (name === 'DeleteObjects') {
    const { body: bytes, contentMd5 } = deleteDocument(readDeleteOrder(body));
    return { bytes, headers: [['content-md5', contentMd5], xmlType], buckets: [] };
  }
  if (name === 'CreateBucket') return written(bucketDocument(read(body), regions));
  // A policy is JSON, and names nothing by which the gateway decides.
  if (name === 'PutBucketPolicy') return { bytes: body, headers: [md5Header(body), jsonType], buckets: [] };
  const root = read(body);
  if (!root) return { bytes: body, headers: [md5Header(body)], buckets: [] };
  if (name === 'CompleteMultipartUpload') return written(partsDocument(root));
  return { ...written(root), buckets: bucketsIn(root) };
}

const xmlType = ['content-type', 'application/xml'] as const;
const jsonType = ['content-type', 'application/json'] as const;

function written(root: XmlElement | undefined): CheckedDocument {
  if (!root) return { bytes: Buffer.alloc(0), headers: [], buckets: [] };
  const bytes = Buffer.from(xmlDocument(root));
  return { bytes, headers: [md5Header(bytes), xmlType], buckets: [] };
}

/** Some upstreams demand it of documents, and modern clients send another check sum. */
const md5Header = (bytes: Buffer) => ['content-md5', createHash('md5').update(bytes).digest('base64')] as const;

function read(body: Buffer): XmlElement | undefined {
  if (body.length === 0) return undefined;
  try {
    return parseXml(body);
  } catch (error) {
    throw malformed(error);
  }
}

/** The region that a client names is ours; the upstream has a name of its own for where it is. */
function bucketDocument(
  root: XmlElement | undefined,
  { own, upstream }: { readonly own: string; readonly upstream: string },
): XmlElement | undefined {
  if (root) {
    const only = root.children.every((child) => localName(child) === 'LocationConstraint');
    if (localName(root) !== 'CreateBucketConfiguration' || !only) {
      throw new S3Fault(
        'NotImplemented',
        'bucket_configuration',
        'A bucket is made with a LocationConstraint or none.',
      );
    }
    const wanted = text(root, 'LocationConstraint') ?? '';
    if (wanted !== '' && wanted !== own) {
      throw new S3Fault(
        'InvalidArgument',
        'other_region',
        `The location constraint is not the region of this endpoint, which is ${own}.`,
      );
    }
  }
  return upstream === 'us-east-1'
    ? undefined
    : s3Root('CreateBucketConfiguration', [xmlElement('LocationConstraint', upstream)]);
}

/** Without checksums: the upstream has none of the parts'. */
function partsDocument(root: XmlElement): XmlElement {
  const parts = root.children.map((part) => {
    const [number, etag] = [text(part, 'PartNumber')?.trim() ?? '', text(part, 'ETag') ?? ''];
    if (localName(part) !== 'Part' || !/^[1-9]\d{0,4}$/.test(number) || etag === '') throw malformed();
    return xmlElement('Part', [xmlElement('PartNumber', number), xmlElement('ETag', etag)]);
  });
  if (localName(root) !== 'CompleteMultipartUpload' || parts.length === 0) throw malformed();
  return s3Root('CompleteMultipartUpload', parts);
}

/** Who owns what is stored, by an upstream's access control list; undefined where it does not say. */
export function ownerInAcl(body: Buffer): string | undefined {
  try {
    const owner = parseXml(body).children.find((child) => localName(child) === 'Owner');
    return (owner && childText(owner, 'ID')) || undefined;
  } catch (error) {
    if (error instanceof XmlFault) return undefined;
    throw error;
  }
}

/** An access control list as the upstream knows its owner. Clients write back what they read here: the organization. */
export function aclFor(bytes: Buffer, organizationId: string, owner: string): CheckedDocument {
  const renamed = (element: XmlElement): XmlElement => {
    const isOrganization = localName(element) === 'ID' && element.text.trim() === organizationId;
    // A name beside an id says nothing more, and what the client read there was ours.
    const kept = element.children.filter((child) => localName(child) !== 'DisplayName');
    return { ...element, text: isOrganization ? owner : element.text, children: kept.map(renamed) };
  };
  return written(renamed(parseXml(bytes)));
}

/** Logging and replication write into other buckets, which have to be the organization's too. */
function bucketsIn(root: XmlElement): string[] {
  const named = [...elementsOf(root)].filter((element) =>
    ['Bucket', 'BucketName', 'TargetBucket'].includes(localName(element)),
  );
  return named.map(({ text: written, children }) => {
    const name = /^(?:arn:aws:s3:::)?([^:/]+)$/.exec(written.trim())?.[1];
    if (name === undefined || children.length > 0) throw malformed();
    return name;
  });
}

function text(element: XmlElement, name: string): string | undefined {
  try {
    return childText(element, name);
  } catch (error) {
    throw malformed(error);
  }
}

/** Also of an error of another kind, which then says nothing. */
function malformed(error?: unknown): S3Fault {
  const why = error instanceof XmlFault ? error.message : 'it is not what this operation takes';
  return new S3Fault('MalformedXML', 'malformed_xml', `The document cannot be read: ${why}.`);
}
