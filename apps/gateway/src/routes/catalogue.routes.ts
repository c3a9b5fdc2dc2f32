import { Page } from '@portcullis/contracts';
import { z } from 'zod';
import { type ControlRoute, ownRoute } from './route.js';

const tag = 'Catalogue';
const access = { public: false, permission: null } as const;

const Role = z.object({
  name: z.string(),
  title: z.string(),
  aliases: z.array(z.string()),
  inherits: z.array(z.string()),
  /** Effective: its own and what it inherits. */
  permissions: z.array(z.string()),
  /** Every role below it. */
  covers: z.array(z.string()),
});

const Permission = z.object({
  name: z.string(),
  title: z.string(),
  in: z.enum(['read', 'read-write', 'none']),
  resource: z.literal('bucket').nullable(),
});

/** The catalogue is answered whole: it is as long as the policy's authors wrote it, and nobody pages through roles. */
export const catalogueRoutes: readonly ControlRoute[] = [
  ownRoute({
    method: 'GET',
    path: '/v1/roles',
    tag,
    summary: 'Every role, what it permits and which roles it covers',
    access,
    reply: Page(Role),
    answer: (_call, parts) => whole(Role, parts.policy().lattice.roles()),
  }),
  ownRoute({
    method: 'GET',
    path: '/v1/permissions',
    tag,
    summary: 'Every permission, and whether read or read-write holds it',
    access,
    reply: Page(Permission),
    answer: (_call, parts) => whole(Permission, parts.policy().lattice.permissions()),
  }),
];

function whole(item: z.ZodType, items: readonly object[]) {
  return Promise.resolve({ status: 200, body: { items: items.map((one) => item.parse(one)), next_cursor: null } });
}
