export { compilePolicy, type CompileOptions, type Policy, type Storage, type Upstream } from './compile-policy.js';
export { explainDecision, listRules, type Explanation, type OwnRoute, type Rule, type RuleEntry } from './explain.js';
export {
  followEdits,
  loadPolicy,
  PolicyFile,
  PolicyFaults,
  readPolicySources,
  type PolicyFileOptions,
  type PolicySettings,
  type PolicyStatus,
} from './policy-file.js';
export { normalisePath, MAX_TARGET_BYTES, type NormalisedPath } from './path-rules.js';
export { type PolicySource } from './policy-source.js';
export { roleTokenGrant } from './role-token-grant.js';
export { RouteTable, type Route } from './route-table.js';
export { type PolicyFault } from './yaml-reader.js';
