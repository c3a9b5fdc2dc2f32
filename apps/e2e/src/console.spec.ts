import { describe } from '@jest/globals';
import { tellOfAudit } from './console-audit.js';
import { tellOfClients } from './console-clients.js';
import { tellOfKeys } from './console-keys.js';
import { tellOfOrganizations } from './console-organizations.js';
import { tellOfOverview } from './console-overview.js';
import { tellOfPeople } from './console-people.js';
import { tellOfRoles } from './console-roles.js';
import { tellOfServiceAccounts } from './console-service-accounts.js';
import { tellOfSignIn } from './console-sign-in.js';
import { tellOfStorageTokens } from './console-storage-tokens.js';
import { consoleStory } from './console-story.js';

/** The console as people use it, in a real browser against one running stack. Each story stands by itself. */
consoleStory('the console', (story) => {
  describe('sign-in', () => tellOfSignIn(story));
  describe('clients', () => tellOfClients(story));
  describe('API keys', () => tellOfKeys(story));
  describe('storage tokens', () => tellOfStorageTokens(story));
  describe('service accounts', () => tellOfServiceAccounts(story));
  describe('people', () => tellOfPeople(story));
  describe('organizations', () => tellOfOrganizations(story));
  describe('roles', () => tellOfRoles(story));
  describe('the record', () => tellOfAudit(story));
  describe('the overview', () => tellOfOverview(story));
});
