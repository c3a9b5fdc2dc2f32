import { SaxesParser } from 'saxes';

/** An element with what stands in it: text, or elements. Attributes and namespaces that we do not know are kept. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly children: readonly XmlElement[];
  /** Of an element without children, as written; of others only the blanks between them, which are dropped. */
  readonly text: string;
}

/** A text that is no XML document as we read it. The message names what is wrong, and repeats nothing of it. */
export class XmlFault extends Error {
  override readonly name = 'XmlFault';
}

const maxDepth = 16;
const maxElements = 60_000;
export const s3Namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

interface Open {
  name: string;
  attributes: (readonly [string, string])[];
  children: XmlElement[];
  text: string;
}

/**
 * Reads a document strictly: UTF-8, no document type (and so no entities but the five), no processing instructions, no text beside
 * elements, bounded in depth and in elements. Throws `XmlFault`.
 */
export function parseXml(bytes: Uint8Array): XmlElement {
  const stack: Open[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  const parser = new SaxesParser({ xmlns: false, position: false });
  const fault = (message: string): never => {
    throw new XmlFault(message);
  };
  parser.on('error', () => fault('it is not well-formed'));
  parser.on('doctype', () => fault('it has a document type'));
  parser.on('processinginstruction', () => fault('it has a processing instruction'));
  parser.on('xmldecl', ({ encoding, version }) => {
    if (version !== undefined && version !== '1.0') fault('it is not XML 1.0');
    if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') fault('it is not UTF-8');
  });
  parser.on('opentag', ({ name, attributes }) => {
    if (++elements > maxElements) fault('it has too many elements');
    if (stack.length === maxDepth) fault('it is nested too deeply');
    stack.push({ name, attributes: Object.entries(attributes), children: [], text: '' });
  });
  const text = (more: string): void => {
    const open = stack.at(-1);
    if (open) open.text += more;
    else if (more.trim() !== '') fault('it has text outside of its element');
  };
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('closetag', () => {
    const open = stack.pop();
    if (!open) return;
    if (open.children.length > 0) {
      if (open.text.trim() !== '') fault('it has text beside elements');
      open.text = '';
    }
    const parent = stack.at(-1);
    if (parent) parent.children.push(open);
    else root = open;
  });
  parser.write(textOf(bytes)).close();
  return root ?? fault('it is empty');
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new XmlFault('it is not UTF-8');
  }
}

/** The text of the child of that name; undefined if there is none. Throws `XmlFault` if there are two, or it has children. */
export function childText(element: XmlElement, name: string): string | undefined {
  const found = element.children.filter((child) => localName(child) === name);
  if (found.length > 1) throw new XmlFault(`it has ${name} twice`);
  if (found[0] && found[0].children.length > 0) throw new XmlFault(`${name} has elements in it`);
  return found[0]?.text;
}

/** Prefixes are the writer's own. */
export const localName = ({ name }: XmlElement): string => name.slice(name.indexOf(':') + 1);

/** Every element of a tree, from the root on. */
export function* elementsOf(element: XmlElement): Generator<XmlElement> {
  yield element;
  for (const child of element.children) yield* elementsOf(child);
}

export const xmlDocument = (root: XmlElement): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${writeElement(root)}`;

function writeElement({ name, attributes, children, text }: XmlElement): string {
  const written = attributes.map(([key, value]) => ` ${key}="${escapeXml(value)}"`).join('');
  const inner = children.length > 0 ? children.map(writeElement).join('') : escapeXml(text);
  return `<${name}${written}>${inner}</${name}>`;
}

/** An element without attributes, with a text or with children. */
export const xmlElement = (name: string, content: string | readonly XmlElement[]): XmlElement =>
  typeof content === 'string'
    ? { name, attributes: [], children: [], text: content }
    : { name, attributes: [], children: content, text: '' };

/** The same under S3's namespace: the root of what S3 sends and takes. */
export const s3Root = (name: string, content: string | readonly XmlElement[]): XmlElement => ({
  ...xmlElement(name, content),
  attributes: [['xmlns', s3Namespace]],
});

/** Carriage returns too: a parser would read one as a line feed (XML 1.0 section 2.11), and a key could be another. */
export const escapeXml = (text: string): string =>
  text.replaceAll(/[&<>"'\r\n\t]/g, (character) => escapes[character] ?? character);

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
  '\n': '&#10;',
  '\t': '&#9;',
};
