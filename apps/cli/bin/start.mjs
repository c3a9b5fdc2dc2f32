#!/usr/bin/env node
// `npm start`: builds what is not built, then runs `portcullis up` in this very process. The script in package.json says
// `exec node …`, so that no shell stands between: npm hands SIGTERM and SIGINT to its child, and a shell keeps them to itself.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Portcullis needs Node 20.19 or later; this is ${process.versions.node}.`);
  process.exit(1);
}
const interrupted = 130;
const root = new URL('../../../', import.meta.url);
const compiler = fileURLToPath(new URL('node_modules/typescript7/bin/tsc', root));
const consoleBuild = fileURLToPath(new URL('apps/console/build.mjs', root));
const command = new URL('../dist/main.js', import.meta.url);

if (existsSync(compiler)) {
  console.error(
    existsSync(command) ? 'Looking for what has to be built.' : 'Building Portcullis: once, a few seconds.',
  );
  const code = (await run(compiler, '-b')) || (await run(consoleBuild));
  if (code !== 0) {
    if (code !== interrupted) console.error('The build failed: see above.');
    process.exit(code);
  }
} else if (!existsSync(command)) {
  console.error('Portcullis is neither built nor installed with what builds it: run "npm ci" first.');
  process.exit(1);
}
// Should npm (or a shell that some npm puts between) be gone without a signal, the stack must not stay behind alone.
if (process.env.npm_lifecycle_event) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500).unref();
}
const { main } = await import(command.href);
process.exitCode = await main(['up', ...process.argv.slice(2)]);

function run(script, ...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    const pass = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, pass);
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('close', (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM']) process.off(name, pass);
      resolve(signal ? interrupted : code);
    });
  });
}
