#!/usr/bin/env node
// Builds the console into `dist`, unless what is there is newer than all that it is made of. It is run after `tsc -b`: the types of the
// public API are made of the gateway's own table of routes.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('./', import.meta.url));
const madeOf = ['src', 'public', 'index.html', 'vite.config.mjs', 'package.json', 'describe-api.mjs', 'build.mjs'];
const api = [
  '../gateway/dist/openapi.js',
  '../gateway/dist/routes',
  '../../libs/contracts/dist',
  '../../libs/merkle-log/dist',
];

/** When the newest file at or below a path was written, in ms; 0 where there is none. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const sources = Math.max(...[...madeOf, ...api].map((path) => newest(join(here, path))));
if (newest(join(here, 'dist/index.html')) < sources) {
  await import('./describe-api.mjs');
  const { build } = await import('vite');
  await build({ root: here, logLevel: 'warn' });
}
