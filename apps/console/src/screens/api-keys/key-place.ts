import { useLocation } from 'react-router';

export type KeyPlace = '/api-keys' | '/storage-tokens';

/** A storage token is an API key: its pages are those of a key, under the list that one came from. */
export const useKeyPlace = (): KeyPlace =>
  useLocation().pathname.startsWith('/storage-tokens') ? '/storage-tokens' : '/api-keys';

export const nounOf = { '/api-keys': 'API key', '/storage-tokens': 'storage token' } as const;
