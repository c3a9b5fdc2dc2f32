// The types of the public API, made of the document that the gateway serves. Run after the gateway was built.
import { mkdirSync, writeFileSync } from 'node:fs';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { describeApi } from '../gateway/dist/openapi.js';
import { controlRoutes } from '../gateway/dist/routes/control-routes.js';

const document = JSON.parse(JSON.stringify(describeApi(controlRoutes, 'https://gate.example')));
const types = astToString(await openapiTypescript(document, { alphabetize: true, defaultNonNullable: false }));
mkdirSync(new URL('generated/', import.meta.url), { recursive: true });
writeFileSync(new URL('generated/openapi.d.ts', import.meta.url), types);
