import { type EntityManager } from 'typeorm';

/** How a store reaches its tables: the two ways of `Database`, without what `Database` builds on the stores. */
export interface Runner {
  read<T>(work: (manager: EntityManager) => Promise<T>): Promise<T>;
  transaction<T>(work: (tx: { readonly manager: EntityManager }) => Promise<T>): Promise<T>;
}
