// Tags of objects: from a header, from XML, to XML.
import { S3Fault } from './faults.mjs';
import { child, childrenOf, element, readXml } from './xml.mjs';

/** Of x-amz-tagging: `a=1&b=2`, as a form encodes it. */
export const readTags = (header) => (header === undefined ? [] : checked([...new URLSearchParams(header)]));

export function readTagsXml(bytes) {
  const tagging = readXml(bytes);
  const sets = childrenOf(tagging, 'TagSet');
  if (tagging.name !== 'Tagging' || sets.length !== 1) throw new S3Fault('MalformedXML');
  return checked(childrenOf(sets[0], 'Tag').map((tag) => [child(tag, 'Key') ?? '', child(tag, 'Value') ?? '']));
}

export const writeTags = (tags) => [
  element(
    'TagSet',
    tags.map(([key, value]) => element('Tag', [element('Key', key), element('Value', value)])),
  ),
];

function checked(tags) {
  const bad = tags.some(([key, value]) => key === '' || key.length > 128 || value.length > 256);
  if (bad || tags.length > 10 || new Set(tags.map(([key]) => key)).size < tags.length) throw new S3Fault('InvalidTag');
  return tags;
}
