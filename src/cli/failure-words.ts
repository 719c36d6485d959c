import type { Failure, FailureCode, Failures } from '../core/failure.ts';

/** The core's failures in an operator's words; one added to the core does not compile until it has some. */
const words: { [Code in FailureCode]: (facts: Failures[Code]) => string } = {
  account_locked: ({ retryAfterSeconds }) => `the account is locked for ${retryAfterSeconds} s`,
  code_wrong: () => 'the code is wrong or has expired',
  reauthentication_required: () => 'a fresh sign-in is needed',
  identifier_unproven: () =>
    'the account has no verified e-mail address or phone number; only accounts with one are given rights',
  identifier_taken: ({ identifier }) =>
    identifier === 'email' ? 'an account has this e-mail address' : 'an account has this phone number',
  input_rejected: ({ fields }) =>
    Object.entries(fields)
      .map(([field, flaw]) => expected[field] ?? `${field}: ${flaw === 'required' ? 'is missing' : 'is not valid'}`)
      .join(', '),
  invalid_credentials: () => 'wrong credentials',
  sign_in_closed: () => 'sign-in is closed',
  last_sign_in_method: () => 'it is the last way in',
  link_required: () => 'the provider has to be linked by the account’s owner',
  not_found: () => 'no such account',
  overloaded: ({ retryAfterSeconds }) => `too much work is waiting; try again in ${retryAfterSeconds} s`,
  password_rejected: ({ flaw, minimum }) => `the password is refused: ${passwordFlaws[flaw](minimum)}`,
  passkey_refused: () => 'the passkey was refused',
  provider_email_unproven: () => 'the provider knows no verified address',
  provider_refused: () => 'the provider refused',
  provider_taken: () => 'the provider is linked already',
  provider_unavailable: () => 'the provider does not answer',
  provider_unknown: () => 'no such provider is configured',
  rate_limited: ({ retryAfterSeconds }) => `too often; try again in ${retryAfterSeconds} s`,
  session_ended: () => 'the session has ended',
  sign_up_closed: () => 'sign-up is closed',
  token_invalid: () => 'the token is not valid',
  token_expired: () => 'the token has expired',
};

/** Of fields whose names say too little. */
export const expected: Partial<Record<string, string>> = {
  siteName: 'the name of a site has 1 to 100 characters, and none that cannot be seen',
  roleName: 'the name of a role has 1 to 100 characters, none that cannot be seen, and does not begin with "guichet"',
  permission: 'a permission is a resource, a dot and an action, letters and digits, 100 at most: item.view',
  level: 'a level is a whole number from 0 to 1000000',
};

const passwordFlaws: Record<Failures['password_rejected']['flaw'], (minimum: number) => string> = {
  too_short: (minimum) => `it needs at least ${minimum} characters`,
  too_long: () => 'it is too long',
  common: () => 'it is one of the most common ones',
  personal: () => 'it is made of the account’s own details',
  guessable: () => 'it is too easy to guess',
  malformed: () => 'it holds characters that no password may hold',
};

export function inOperatorWords({ code, facts }: Failure): string {
  return (words[code] as (facts: unknown) => string)(facts);
}
