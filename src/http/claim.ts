import type { IncomingHttpHeaders } from 'node:http';
import type { BodyType } from './body.ts';

/**
 * How much a request on a path that two contracts claim is one's own: by what its body holds, by other marks that it
 * bears, for want of either, or not at all. The strongest claim wins, and of equal ones that of the contract listed first.
 */
export type ClaimStrength = 'content' | 'marks' | 'default' | 'never';

/** What a claim is judged by. */
export interface ClaimedRequest {
  headers: IncomingHttpHeaders;
  /** The names of the cookies it carries. */
  cookies: ReadonlySet<string>;
  /** `undefined` without a body, and for one of a type that nobody reads. */
  bodyType: BodyType | undefined;
  /** The own keys of the body, none if it is no object; `undefined` for a body that cannot be read. */
  keys: ReadonlySet<string> | undefined;
}

/** Says which requests on a shared path are a contract's own; it is asked before anything is refused. */
export type Claim = (request: ClaimedRequest) => ClaimStrength;
