import type { Captcha } from '../contracts/sanctum/captcha.ts';
import { boundedFetch, type FetchLimits } from '../outbound/bounded-fetch.ts';
import { reachOf } from '../outbound/reach.ts';
import { Unreachable, Unsound } from '../outbound/trouble.ts';

interface Limits extends FetchLimits {
  /** How many answers are waited for at once. */
  atOnce: number;
}

const LIMITS: Limits = { requestMilliseconds: 5000, bodyBytes: 64 * 1024, atOnce: 64 };

const LONGEST_TOKEN_BYTES = 4096;
/** 1.0 is very likely a person, 0.0 very likely a program. */
const LEAST_SCORE = 0.5;

/** What the service finds wrong with our settings rather than with the token. */
const OUR_ERRORS = ['missing-input-secret', 'invalid-input-secret'];

/** Why a token could not be judged, for the log: a code, nothing that came from the person or the service. */
export interface CaptchaTrouble {
  reason: string;
}

/**
 * Google's reCAPTCHA, or what answers like it. A token is good once and for two minutes, which the service sees to;
 * tokens of version 3 come with a score, which has to be 0.5 or more.
 *
 * @param url where tokens are verified; the secret and the caller's address go there with each
 * @see https://developers.google.com/recaptcha/docs/verify and …/docs/v3; R146
 */
export function recaptcha({
  secret,
  url,
  limits: changed,
  report,
}: {
  secret: string;
  url: string;
  limits?: Partial<Limits>;
  report?: (trouble: CaptchaTrouble) => void;
}): Captcha {
  const limits = { ...LIMITS, ...changed };
  const fetch = boundedFetch(reachOf(url), limits);
  let underWay = 0;

  async function ask(token: string, address: string | null): Promise<unknown> {
    // A service that is slow must not hold everything this server has.
    if (underWay >= limits.atOnce) throw new Unreachable('BUSY');
    underWay += 1;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ secret, response: token, ...(address !== null && { remoteip: address }) }),
        redirect: 'manual',
      });
      if (response.status !== 200) throw new Unsound(`HTTP ${response.status}`);
      return await response.json().catch(() => undefined);
    } finally {
      underWay -= 1;
    }
  }

  return {
    async passes(token, address) {
      if (token === '' || Buffer.byteLength(token) > LONGEST_TOKEN_BYTES) return false;
      try {
        return isPerson(await ask(token, address));
      } catch (error) {
        if (!(error instanceof Unreachable || error instanceof Unsound)) throw error;
        report?.({ reason: error.message });
        return false;
      }
    },
  };
}

/** @throws {Unsound} if that is no verdict on the token */
function isPerson(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null) throw new Unsound('body');
  const { success, score, 'error-codes': errors } = answer as Record<string, unknown>;
  if (typeof success !== 'boolean') throw new Unsound('success');
  const ours = Array.isArray(errors) ? OUR_ERRORS.find((code) => errors.includes(code)) : undefined;
  if (ours) throw new Unsound(ours);
  if (score !== undefined && typeof score !== 'number') throw new Unsound('score');
  return success && (score === undefined || score >= LEAST_SCORE);
}
