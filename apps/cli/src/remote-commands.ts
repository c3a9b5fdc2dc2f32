import { type Command } from './command.js';

/** The commands that ask a gateway over its public API, each loaded when it is called. */
export const remoteCommands: Readonly<Record<string, () => Promise<Command>>> = {
  login: async () => (await import('./sign-in/login.command.js')).login,
  logout: async () => (await import('./sign-in/logout.command.js')).logout,
  whoami: async () => (await import('./sign-in/whoami.command.js')).whoami,
  'api-keys create': async () => (await import('./api-keys/create.command.js')).create,
  'api-keys list': async () => (await import('./api-keys/read.commands.js')).list,
  'api-keys show': async () => (await import('./api-keys/read.commands.js')).show,
  'api-keys update': async () => (await import('./api-keys/change.commands.js')).update,
  'api-keys rotate': async () => (await import('./api-keys/change.commands.js')).rotate,
  'api-keys disable': async () => (await import('./api-keys/change.commands.js')).disable,
  'api-keys enable': async () => (await import('./api-keys/change.commands.js')).enable,
  'api-keys revoke': async () => (await import('./api-keys/change.commands.js')).revoke,
  'api-keys requests': async () => (await import('./api-keys/read.commands.js')).requests,
  'api-keys leaks': async () => (await import('./api-keys/leaks.command.js')).leaks,
  'api-keys import': async () => (await import('./api-keys/import.command.js')).importKeys,
  'service-accounts create': async () => (await import('./service-accounts/service-accounts.commands.js')).create,
  'service-accounts list': async () => (await import('./service-accounts/service-accounts.commands.js')).list,
  'service-accounts show': async () => (await import('./service-accounts/service-accounts.commands.js')).show,
  'service-accounts update': async () => (await import('./service-accounts/service-accounts.commands.js')).update,
  'service-accounts disable': async () => (await import('./service-accounts/service-accounts.commands.js')).disable,
  'service-accounts enable': async () => (await import('./service-accounts/service-accounts.commands.js')).enable,
  'service-accounts delete': async () => (await import('./service-accounts/service-accounts.commands.js')).remove,
  'role-tokens revoke': async () => (await import('./role-tokens/revoke.command.js')).revoke,
};
