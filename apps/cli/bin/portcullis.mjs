#!/usr/bin/env node
// The command, as npm links it. Committed JavaScript: it has to say what to do when nothing is built yet.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Portcullis needs Node 20.19 or later; this is ${process.versions.node}.`);
  process.exit(1);
}
const built = new URL('../dist/main.js', import.meta.url);
if (!existsSync(built)) {
  console.error('Portcullis is not built yet: run "npm run build" (or "npm start", which builds first).');
  process.exit(1);
}
const { main } = await import(built.href);
process.exitCode = await main(process.argv.slice(2));
