import { createHash } from 'node:crypto';
import { S3Fault } from '@portcullis/credentials';
import { isPlainName } from './copy-source.js';
import { childText, localName, parseXml, s3Root, type XmlElement, xmlDocument, xmlElement, XmlFault } from './xml.js';

/** S3's own limits. A key is 1,024 bytes, and a document of 1,000 such keys, escaped, is below this. */
export const maxDeleteBytes = 2_097_152;
const maxKeys = 1_000;
export const maxKeyBytes = 1_024;

/** An object to be deleted, and on which condition. */
export interface DeletedObject {
  readonly key: string;
  readonly conditions: readonly (readonly [name: string, value: string])[];
}

export interface DeleteOrder {
  readonly quiet: boolean;
  readonly objects: readonly DeletedObject[];
}

const conditionNames = new Set(['VersionId', 'ETag', 'LastModifiedTime', 'Size']);

/** Reads the body of DeleteObjects. Throws `S3Fault` `MalformedXML`, which says what is wrong. */
export function readDeleteOrder(body: Uint8Array): DeleteOrder {
  try {
    return orderOf(parseXml(body));
  } catch (error) {
    if (!(error instanceof XmlFault)) throw error;
    throw new S3Fault(
      'MalformedXML',
      'delete_objects',
      `The list of objects to delete cannot be read: ${error.message}.`,
    );
  }
}

function orderOf(root: XmlElement): DeleteOrder {
  if (localName(root) !== 'Delete') throw new XmlFault('its element is not Delete');
  const stray = root.children.find((child) => !['Object', 'Quiet'].includes(localName(child)));
  if (stray) throw new XmlFault('Delete has Object and Quiet in it, and nothing else');
  const quiet = childText(root, 'Quiet')?.trim() ?? 'false';
  if (quiet !== 'true' && quiet !== 'false') throw new XmlFault('Quiet is true or false');
  const objects = root.children.filter((child) => localName(child) === 'Object').map(deletedObject);
  if (objects.length === 0) throw new XmlFault('it names no object');
  if (objects.length > maxKeys) throw new XmlFault(`it names more than ${maxKeys} objects`);
  return { quiet: quiet === 'true', objects };
}

function deletedObject(element: XmlElement): DeletedObject {
  const key = childText(element, 'Key');
  if (key === undefined || key === '') throw new XmlFault('an Object has no Key');
  if (!isKey(key)) throw new XmlFault('a Key is no key of an object');
  const conditions = element.children.flatMap((child): [string, string][] => {
    const name = localName(child);
    if (name === 'Key') return [];
    if (!conditionNames.has(name)) throw new XmlFault('an Object has something in it that is not known');
    return [[name, childText(element, name) ?? '']];
  });
  return { key, conditions };
}

/** As in a path: at most 1,024 bytes, nothing that an upstream which normalises would take for another object, or another's. */
const isKey = (key: string): boolean => Buffer.byteLength(key) <= maxKeyBytes && isPlainName('b', key);

/** The same order in our own writing, with its digest: what was checked is what the upstream reads. */
export function deleteDocument(order: DeleteOrder): { body: Buffer; contentMd5: string } {
  const objects = order.objects.map(({ key, conditions }) =>
    xmlElement('Object', [xmlElement('Key', key), ...conditions.map(([name, value]) => xmlElement(name, value))]),
  );
  const root = s3Root('Delete', [...(order.quiet ? [xmlElement('Quiet', 'true')] : []), ...objects]);
  const body = Buffer.from(xmlDocument(root));
  // Some upstreams demand it, and modern clients send another check sum.
  return { body, contentMd5: createHash('md5').update(body).digest('base64') };
}
