import { createHash } from 'node:crypto';
import { errorCodes } from '@portcullis/contracts';
import { httpStatus, problemTitle } from './http-status.js';
import { type ApiDocument, type ApiOperation } from './openapi.js';

const style = `
:root { color-scheme: light dark; --line: #8885; --soft: #8881 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1.5rem }
h1 { margin: 0 } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line) }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace } pre { background: var(--soft); padding: 0.75rem; overflow-x: auto }
details { border: 1px solid var(--line); border-radius: 0.5rem; margin: 0.5rem 0; padding: 0.5rem 0.75rem }
summary { cursor: pointer } summary b { display: inline-block; min-width: 4.5rem } summary span { opacity: 0.75 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: 0.25rem 0.5rem;
border-bottom: 1px solid var(--line) } :target { background: #fc08 } nav a { margin-right: 1rem }
`;

/** The page has no script and asks for nothing, so its policy allows nothing but its own style. */
export const docsHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
    `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'public, max-age=300',
};

/** The reference as one page, made from the OpenAPI document. */
export function docsPage(api: ApiDocument): string {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(api.info.title)} API</title>
<style>${style}</style>
</head>
<body>
<h1>${text(api.info.title)} API</h1>
<p>${text(api.info.description)}</p>
<p>Send a credential as <code>Authorization: Bearer …</code>. The same as a document for programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>${tags.map((tag) => `<a href="#${anchor(tag)}">${text(tag)}</a>`).join('')}<a href="#problems">Problems</a></nav>
${tags
  .map(
    (tag) => `<h2 id="${anchor(tag)}">${text(tag)}</h2>
${operations
  .filter(({ operation }) => operation.tags.includes(tag))
  .map(({ method, path, operation }) => describe(method, path, operation))
  .join('\n')}`,
  )
  .join('\n')}
<h2 id="problems">Problems</h2>
<p>Every refusal is <code>application/problem+json</code> with one of these codes.</p>
<table><tr><th>Code<th>Status<th>Meaning</tr>
${errorCodes
  .map((code) => `<tr id="${code}"><td><code>${code}</code><td>${httpStatus[code]}<td>${text(problemTitle[code])}</tr>`)
  .join('\n')}
</table>
</body>
</html>
`;
}

function describe(method: string, path: string, operation: ApiOperation): string {
  const [body] = Object.values(operation.requestBody?.content ?? {});
  const parameters = operation.parameters as { name: string; in: string; required: boolean; schema: object }[];
  return `<details id="${anchor(operation.operationId)}">
<summary><b>${method}</b> <code>${text(path)}</code> <span>${text(operation.summary)}</span></summary>
<p>${operation.security.length === 0 ? 'Public.' : text(operation.description ?? 'Any accepted credential.').replaceAll(/`([^`]*)`/g, '<code>$1</code>')}</p>
${
  parameters.length === 0
    ? ''
    : `<table><tr><th>Parameter<th>In<th>Value</tr>
${parameters.map((one) => `<tr><td><code>${text(one.name)}</code>${one.required ? ' *' : ''}<td>${one.in}<td>${text(kindOf(one.schema))}</tr>`).join('\n')}
</table>`
}
${body ? `<p>Body</p>${fieldsOf(body.schema)}` : ''}
${body?.example ? `<pre>${text(JSON.stringify(body.example, null, 2))}</pre>` : ''}
${Object.entries(operation.responses)
  .filter(([status]) => Number(status) < 400)
  .map(([status, response]) => `<p>Answer ${status}</p>${replyOf(response)}`)
  .join('\n')}
</details>`;
}

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
}

function replyOf(response: object): string {
  const [type, media] =
    Object.entries((response as { content?: Record<string, { schema?: Schema }> }).content ?? {})[0] ?? [];
  return media?.schema ? fieldsOf(media.schema) : `<p><code>${text(type ?? '')}</code></p>`;
}

function fieldsOf(schema: object): string {
  const { properties, required = [] } = schema as Schema;
  if (!properties) return `<p>${text(kindOf(schema))}</p>`;
  return `<table><tr><th>Field<th>Value</tr>
${Object.entries(properties)
  .map(
    ([name, field]) =>
      `<tr><td><code>${text(name)}</code>${required.includes(name) ? ' *' : ''}<td>${text(kindOf(field))}</tr>`,
  )
  .join('\n')}
</table>`;
}

/** A schema in words. */
function kindOf(schema: object): string {
  const {
    type,
    items,
    anyOf,
    enum: values,
    const: only,
    format,
    minimum,
    maximum,
    maxLength,
    properties,
    ...rest
  } = schema as Schema;
  const notes = [
    ...(minimum !== undefined && minimum > -1e15 && maximum !== undefined ? [`${minimum} to ${maximum}`] : []),
    ...(maxLength === undefined ? [] : [`at most ${maxLength} characters`]),
    ...(rest.default === undefined ? [] : [`default ${JSON.stringify(rest.default)}`]),
  ];
  const kind =
    only !== undefined
      ? JSON.stringify(only)
      : values
        ? values.map((value) => JSON.stringify(value)).join(' · ')
        : anyOf
          ? [...new Set(anyOf.map(kindOf))].join(' or ')
          : type === 'array'
            ? `list of ${items ? kindOf(items) : 'anything'}`
            : properties
              ? `object: ${Object.keys(properties).join(', ')}`
              : (format ?? [type ?? 'anything'].flat().join(' or '));
  return notes.length === 0 ? kind : `${kind} (${notes.join('; ')})`;
}

const anchor = (name: string): string => name.replaceAll(/[^A-Za-z0-9]+/g, '-').toLowerCase();

const text = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
