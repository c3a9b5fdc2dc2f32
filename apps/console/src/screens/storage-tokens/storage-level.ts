/** The four levels of object storage, as the catalogue's roles: the widest first. */
export const storageLevels = [
  {
    role: 'storage:admin-read-write',
    label: 'Admin Read & Write',
    allows: 'Create, list and delete buckets; edit their configuration; read, write and list objects.',
  },
  {
    role: 'storage:admin-read-only',
    label: 'Admin Read only',
    allows: 'List buckets; view their configuration; read and list objects.',
  },
  {
    role: 'storage:object-read-write',
    label: 'Object Read & Write',
    allows: 'Read, write and list objects in specific buckets, or in all.',
  },
  {
    role: 'storage:object-read-only',
    label: 'Object Read only',
    allows: 'Read and list objects in specific buckets, or in all.',
  },
] as const;

export const storageRoles = storageLevels.map(({ role }) => role);

/** An administrator's is for all buckets, always. */
export const isForAllBuckets = (role: string): boolean => role.startsWith('storage:admin-');
