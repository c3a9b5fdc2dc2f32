import { type Authority } from '@portcullis/contracts';

/** Join, renew and deregister: request/reply with any one replica. */
export const exchangeSubject = (authority: Authority): string => `enforcement.${authority}.exchange`;
/** Acknowledgements: heard by every replica, since any of them may be the one that waits. */
export const appliedSubject = (authority: Authority): string => `enforcement.${authority}.applied`;
/** Markers right after their commit: heard by every enforcer. Losing one costs time, never truth. */
export const markerSubject = (authority: Authority): string => `enforcement.${authority}.marker`;
