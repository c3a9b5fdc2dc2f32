/**
 * Shows that the import rules bite: lints a few lines that each break one, in place of a real file, and fails unless every
 * one is refused. A boundary rule whose project graph is missing reports nothing, which looks just like a clean house.
 */
import { ESLint } from 'eslint';

const forbidden = [
  [
    'a pure library imports another',
    'libs/authz/src/index.ts',
    "export { sameDigest } from '@portcullis/credentials';",
  ],
  ['contracts import the bus', 'libs/contracts/src/index.ts', "export { Bus } from '@portcullis/bus';"],
  ['the bus imports persistence', 'libs/bus/src/index.ts', "export { Database } from '@portcullis/persistence';"],
  [
    'the gateway imports persistence',
    'apps/gateway/src/main.ts',
    "export { Database } from '@portcullis/persistence';",
  ],
  ['the guard imports persistence', 'libs/guard/src/index.ts', "export { Database } from '@portcullis/persistence';"],
  ['an app imports an app', 'apps/audit/src/main.ts', "export { keyStatus } from '../../api-key/src/key-status.js';"],
  ['production code imports testing', 'apps/audit/src/main.ts', "export { aCaller } from '@portcullis/testing';"],
  [
    'code outside config.ts reads the environment',
    'apps/audit/src/main.ts',
    "export const home = process.env['HOME'];",
  ],
];

// Under CI the parser reads each file once, from the disk, and would lint that instead of the lines given here.
process.env['TSESTREE_SINGLE_RUN'] = 'false';
const eslint = new ESLint();
let bad = 0;
for (const [rule, filePath, code] of forbidden) {
  const [result] = await eslint.lintText(code, { filePath });
  const refused = result.messages.some(
    ({ ruleId, severity }) => severity === 2 && /boundaries|restricted/.test(ruleId ?? ''),
  );
  if (!refused) {
    bad++;
    console.error(`not refused: ${rule} (${filePath})`);
  }
}
if (bad > 0) process.exit(1);
console.log(`${forbidden.length} forbidden imports, all refused`);
