import { idOf, many } from '../remote/remote-command.js';

export const example = 'whk_01J9Z3N8Q4W5X6Y7Z8A9B0C1D2';

export const pathOf = (id: string | undefined): string => `/v1/audit/webhooks/${idOf(id, 'whk')}`;

export const fieldOptions = {
  description: { type: 'string' },
  action: { type: 'string', multiple: true },
  subject: { type: 'string', multiple: true },
} as const;

export const fieldHelp = `  --description TEXT
  --action A                 only these: api-key.revoked, or all of a noun: api-key.*; several with commas, or the option again
  --subject S                only what is about these ids or kinds; several as above`;

export const fieldsOf = (given: { description?: string; action?: string[]; subject?: string[] }) => ({
  ...(given.description === undefined ? {} : { description: given.description === '' ? null : given.description }),
  ...(given.action ? { actions: many(given.action) } : {}),
  ...(given.subject ? { subjects: many(given.subject) } : {}),
});
