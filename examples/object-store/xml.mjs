// XML out and in. Out: strings, escaped here and nowhere else. In: a strict reader of small documents.
import { SaxesParser } from 'saxes';
import { S3Fault } from './faults.mjs';

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A whole document. `children` as for `element`. */
export const document = (name, children) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, children, ` xmlns="${namespace}"`)}`;

export function errorDocument({ code, message, details }, { resource, requestId }) {
  const children = [
    element('Code', code),
    element('Message', message),
    ...Object.entries(details).map(([name, value]) => element(name, value)),
    element('Resource', resource),
    element('RequestId', requestId),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('Error', children)}`;
}

/** `content`: an array of elements (undefined ones are left out), or a text. */
export function element(name, content, attributes = '') {
  const inner = Array.isArray(content) ? content.filter((one) => one !== undefined).join('') : escaped(String(content));
  return `<${name}${attributes}>${inner}</${name}>`;
}

export const optional = (name, content) => (content === undefined ? undefined : element(name, content));

// Line ends and control characters would be lost or forbidden as they are; as references S3's clients take them.
const escaped = (text) =>
  text.replace(
    /[&<>"\u0000-\u001f\u007f]/g,
    (character) => `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`,
  );

/**
 * Reads a document into `{ name, text, children }`. No DOCTYPE, hence no entities; names without their prefix.
 * Whoever reads takes what it knows with `child` and `childrenOf`.
 */
export function readXml(bytes) {
  const parser = new SaxesParser();
  const root = { name: '', text: '', children: [] };
  const open = [root];
  const refuse = () => {
    throw new S3Fault('MalformedXML');
  };
  parser.on('error', refuse);
  parser.on('doctype', refuse);
  parser.on('opentag', ({ name }) => {
    const one = { name: name.slice(name.indexOf(':') + 1), text: '', children: [] };
    open.at(-1).children.push(one);
    if (open.push(one) > 16) refuse();
  });
  parser.on('closetag', () => open.pop());
  const text = (piece) => (open.at(-1).text += piece);
  parser.on('text', text);
  parser.on('cdata', text);
  parser.write(utf8(bytes)).close();
  return root.children[0];
}

export const childrenOf = (node, name) => node.children.filter((one) => one.name === name);
/** The text of the one child of that name, or undefined. */
export function child(node, name) {
  const found = childrenOf(node, name);
  if (found.length > 1) throw new S3Fault('MalformedXML');
  return found[0]?.text;
}

function utf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new S3Fault('MalformedXML');
  }
}
