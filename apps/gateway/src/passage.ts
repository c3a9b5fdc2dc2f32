import { type Policy, type Route } from '@portcullis/policy';
import { type Arrival, type Identity } from './judgement.js';

/** A request that may go on to its upstream. */
export interface Passage {
  readonly arrival: Arrival;
  readonly query: string | null;
  readonly route: Route;
  readonly policy: Policy;
  /** Anonymous on a public route. */
  readonly identity: Exclude<Identity, { kind: 'refused' }>;
  /** What the client is told beside the upstream's answer, name, value, name, value. */
  readonly answerHeaders?: readonly string[] | undefined;
}

/** The identity token of a passage for its upstream; undefined for nobody. */
export type TokenFor = (passage: Pick<Passage, 'route' | 'policy' | 'identity'>) => string | undefined;
