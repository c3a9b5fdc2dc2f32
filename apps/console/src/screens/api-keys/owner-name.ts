import { type ApiKeyRecord } from '../../api/api-keys';
import { useOwners } from '../../api/owners';

/** What an owner is called, as far as this person may know it. */
export function useOwnerName(): (owner: ApiKeyRecord['owner']) => string {
  const names = new Map(useOwners().map(({ id, name }) => [id, name]));
  return ({ id }) => names.get(id) ?? id;
}
