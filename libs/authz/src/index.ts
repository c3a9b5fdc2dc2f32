export { bucketNameRule, isBucketName } from './bucket-name.js';
export {
  type Catalogue,
  type CatalogueFault,
  type Level,
  type PermissionDefinition,
  type RoleDefinition,
} from './catalogue.js';
export { allows, join, meet, sameGrant, within, type Excess, type Grant, type Resources } from './grant.js';
export {
  Lattice,
  UnknownName,
  type GrantSpec,
  type PermissionView,
  type RoleView,
  type UnknownNames,
} from './lattice.js';
