import { type StaticDecode, Type } from 'typebox';
import { isStrongSecret } from './secret-strength.ts';
import {
  isApiOrigin,
  isApiUrl,
  isCookieName,
  isDatabaseUrl,
  isEmailDomain,
  isFilled,
  isHost,
  isIssuer,
  isMailUrl,
  isNetwork,
  isOrigin,
  isPageUrl,
  isPathPrefix,
  isPhoneCountry,
  isProxyList,
  isSender,
  isSmsUrl,
  isWebhookSecret,
  toCountry,
  toEmailDomain,
  toOrigin,
  withoutFinalSlash,
} from './values.ts';

/** The contracts that this version can answer; `GUICHET_CONTRACTS` chooses among them. */
export const contractNames = ['device', 'bearer', 'cookie', 'sanctum'] as const;

/** What a setting says of itself beside JSON Schema's own words. */
export interface Notes {
  description: string;
  default?: unknown;
  /** What is accepted, where the schema alone does not tell. */
  accepts?: string;
  /** What holds when nothing is given and no `default` is: for the reader; defaults.ts is the code. */
  standIn?: string;
  /** What must not be shown of it. Whoever hides something is also read from the file that `<name>_FILE` names. */
  hides?: 'all' | 'password';
  /** Another variable that is read too. */
  alias?: string;
  /** An empty value is wrong; elsewhere it counts as not given. */
  refusesEmpty?: true;
}

const text = (isRight: (value: string) => boolean, notes: Notes) => Type.Refine(Type.String({ ...notes }), isRight);
const origin = Type.Decode(Type.Refine(Type.String(), isOrigin), toOrigin);
const safeOrigin = Type.Decode(Type.Refine(Type.String(), isApiOrigin), toOrigin);
const network = Type.Refine(Type.String(), isNetwork);
const country = Type.Decode(Type.Refine(Type.String(), isPhoneCountry), toCountry);
const emailDomain = Type.Decode(Type.Refine(Type.String(), isEmailDomain), toEmailDomain);

/**
 * Every setting, once. Its type, the check at start, `guichet config` and docs/settings.md all come from this object.
 * One with `<NAME>` in it exists once for each name that the environment uses in its place; what is declared is one of them.
 */
export const Settings = Type.Object({
  NODE_ENV: Type.String({
    default: 'development',
    accepts: 'any text',
    description: '`production` is production mode whatever the public URL; anything else leaves it to the public URL.',
  } satisfies Notes),
  GUICHET_HOST: text(isHost, {
    default: '127.0.0.1',
    accepts: 'an IP address or a host name',
    description: 'Address it listens on. The default means both loopback addresses, 127.0.0.1 and ::1.',
  }),
  GUICHET_PORT: Type.Integer({
    default: 3000,
    minimum: 0,
    maximum: 65535,
    alias: 'PORT',
    description: 'Port it listens on; `PORT` is read too. 0 takes any free port.',
  } satisfies Notes & { minimum: number; maximum: number }),
  GUICHET_PUBLIC_URL: Type.Decode(
    text(isOrigin, {
      standIn: '`http://localhost:<port>`',
      accepts: 'an http or https URL without a path, such as https://auth.example.org',
      description:
        'What links, cookies and the issuer of tokens are built from; never the Host header. Development mode holds ' +
        'while its host is localhost, 127.0.0.1 or [::1] and `NODE_ENV` is not `production`.',
    }),
    toOrigin,
  ),
  GUICHET_DATA_DIR: text(isFilled, {
    default: 'data',
    accepts: 'a path',
    description: 'Folder of the embedded database and, in development mode, of the generated secret.',
  }),
  GUICHET_DATABASE_URL: text(isDatabaseUrl, {
    standIn: '`sqlite:<data dir>/guichet.db`',
    accepts: 'sqlite:<path> or postgres://…',
    hides: 'password',
    description:
      'Where everything is kept: an embedded SQLite database, or PostgreSQL. A request waits 2.5 s for a connection and for an answer, unless the URL of the latter says `connect_timeout` (seconds), `statement_timeout` or `query_timeout` (milliseconds).',
  }),
  GUICHET_DURABILITY: Type.Enum(['full', 'normal'], {
    default: 'full',
    description:
      'SQLite only. `full`: what was answered survives kill -9 and a power cut. `normal`: quicker writes; a power cut ' +
      'may take the last moments.',
  } satisfies Notes),
  GUICHET_SECRET: Type.Optional(
    text(isStrongSecret, {
      standIn: 'generated once into the data folder; required in production',
      accepts: 'at least 32 random bytes, for example from: openssl rand -base64 32',
      hides: 'all',
      refusesEmpty: true,
      description: 'Root of all derived keys.',
    }),
  ),
  GUICHET_SECRET_PREVIOUS: Type.Optional(
    text(isStrongSecret, {
      standIn: 'none',
      accepts: 'the secret before the current one, at least 32 random bytes',
      hides: 'all',
      description: 'The secret before this one, while a rotation lasts.',
    }),
  ),
  GUICHET_CONTRACTS: Type.Array(Type.Enum(contractNames), {
    default: [...contractNames],
    minItems: 1,
    uniqueItems: true,
    description: 'Which contracts answer.',
  } satisfies Notes & { minItems: number; uniqueItems: boolean }),
  GUICHET_DEVICE_PREFIX: text(isPathPrefix, {
    default: '/api/v1/auth',
    accepts: 'a path that begins with a slash and does not end with one',
    description: 'Where the device contract answers.',
  }),
  GUICHET_BEARER_PREFIX: text(isPathPrefix, {
    default: '/api/auth',
    accepts: 'a path that begins with a slash and does not end with one',
    description: 'Where the bearer contract answers.',
  }),
  GUICHET_COOKIE_PREFIX: text(isPathPrefix, {
    default: '/v1/auth',
    accepts: 'a path that begins with a slash and does not end with one',
    description: 'Where the cookie contract answers.',
  }),
  GUICHET_SANCTUM_PREFIX: text(isPathPrefix, {
    default: '/api/v1',
    accepts: 'a path that begins with a slash and does not end with one',
    description: 'Where the sanctum contract answers, beside the paths that its document fixes at the root.',
  }),
  GUICHET_SANCTUM_SESSION_COOKIE: text(isCookieName, {
    default: 'guichet_session',
    accepts: 'a name of letters, digits, hyphens and underscores that no other cookie of this server has',
    description: 'What the session cookie of the sanctum contract is called.',
  }),
  GUICHET_SANCTUM_XSRF_DOMAIN: Type.Optional(
    text(isHost, {
      standIn: 'none: this host alone',
      accepts: 'a domain that the public URL’s host lies below, such as example.org',
      description:
        'Lets front ends on other hosts below a common domain read the `XSRF-TOKEN` cookie, which they send back. No other ' +
        'cookie is shared.',
    }),
  ),
  GUICHET_SANCTUM_LOGIN: Type.Enum(['open', 'closed'], {
    default: 'open',
    description:
      'Sanctum contract only. `closed` lets in nobody but accounts that were given the permission `bypass.login` ' +
      'everywhere; sessions that are open stay.',
  } satisfies Notes),
  GUICHET_SANCTUM_SPA_URL: Type.Decode(
    text(isApiOrigin, {
      standIn: '`GUICHET_PUBLIC_URL`',
      accepts: 'the public URL or one of `GUICHET_ALLOWED_ORIGINS`, by https (http on this machine only)',
      description:
        'Sanctum contract only: the single-page application that its mails lead to, to set up a password at ' +
        '`/setup-password/…` and to reset one at `/reset-password`.',
    }),
    toOrigin,
  ),
  GUICHET_JWT_ALG: Type.Enum(['ES256', 'HS256'], {
    default: 'ES256',
    description:
      'What the device contract’s access tokens are signed with: `ES256` with keys of which `/.well-known/jwks.json` ' +
      'publishes the public half, or `HS256` with a secret that resource servers share. The cookie contract always has ES256.',
  } satisfies Notes),
  GUICHET_JWT_SECRET: Type.Optional(
    text(isStrongSecret, {
      standIn: 'none; required with `GUICHET_JWT_ALG=HS256`, and used with nothing else',
      accepts: 'at least 32 random bytes, for example from: openssl rand -base64 32',
      hides: 'all',
      description:
        'The secret that HS256 tokens are signed with, byte for byte as it is written. Whoever has it can forge tokens ' +
        'for the other resource servers, though none that opens a session here.',
    }),
  ),
  GUICHET_JWT_ISSUER: text(isFilled, {
    default: 'AuthService',
    accepts: 'any text',
    description: 'The `iss` of the device contract’s access tokens.',
  }),
  GUICHET_JWT_AUDIENCE: text(isFilled, {
    default: 'client',
    accepts: 'any text',
    description: 'The `aud` of the device contract’s access tokens.',
  }),
  GUICHET_ALLOWED_ORIGINS: Type.Optional(
    Type.Array(origin, {
      standIn: 'in development mode every port of localhost, 127.0.0.1 and [::1]',
      accepts: 'origins with commas between them, such as https://app.example.org',
      description:
        'Origins that browsers may call from and be sent back to, beside the public URL, which always may. Setting it ' +
        'replaces the loopback default.',
    } satisfies Notes),
  ),
  GUICHET_SIGN_UP: Type.Enum(['open', 'closed'], {
    default: 'open',
    description: 'Whether people may register by themselves.',
  } satisfies Notes),
  GUICHET_PASSWORD_MIN: Type.Integer({
    default: 8,
    minimum: 8,
    maximum: 64,
    description: 'Shortest password, in characters (Unicode code points).',
  } satisfies Notes & { minimum: number; maximum: number }),
  GUICHET_PASSKEY_RP_ID: Type.Decode(
    text(isHost, {
      standIn: 'the host of the public URL',
      accepts: 'the host of the public URL, a parent domain of it such as example.org, or localhost',
      description:
        'Domain that passkeys belong to (WebAuthn’s relying party id); they work on it and on every host below it. With ' +
        'another one, the passkeys that people have no longer sign them in. No passkey belongs to an IP address.',
    }),
    (domain) => domain.toLowerCase(),
  ),
  GUICHET_PASSKEY_ORIGINS: Type.Array(safeOrigin, {
    default: [],
    accepts: 'https origins (http on this machine only) with commas between them, such as https://app.example.net',
    description:
      'Origins outside the passkeys’ domain that may use them all the same, beside the public URL and ' +
      '`GUICHET_ALLOWED_ORIGINS`. `/.well-known/webauthn` lists them; browsers ask for it on the passkeys’ domain itself.',
  } satisfies Notes),
  GUICHET_PASSKEY_ENROLL_URL: Type.Optional(
    text(isPageUrl, {
      standIn: 'none',
      accepts: 'an https URL (http on this machine only)',
      description: 'Page where people add a passkey, for password managers: `/.well-known/passkey-endpoints` names it.',
    }),
  ),
  GUICHET_PASSKEY_MANAGE_URL: Type.Optional(
    text(isPageUrl, {
      standIn: 'none',
      accepts: 'an https URL (http on this machine only)',
      description: 'Page where people see and remove their passkeys; named in the same place.',
    }),
  ),
  GUICHET_DOCS: Type.Boolean({
    standIn: '`on` in development mode, `off` in production',
    description: 'Whether `/docs` shows the interactive reference.',
  } satisfies Notes),
  GUICHET_METRICS_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65535,
      standIn: 'none',
      description: 'Port of its own for `/metrics`. Without it and without a token, production answers 404.',
    } satisfies Notes & { minimum: number; maximum: number }),
  ),
  GUICHET_METRICS_TOKEN: Type.Optional(
    text(isFilled, {
      standIn: 'none',
      accepts: 'any text',
      hides: 'all',
      description: 'Bearer token that opens `/metrics`.',
    }),
  ),
  GUICHET_TRUST_PROXY: Type.Optional(
    Type.Refine(
      Type.Array(Type.String(), {
        standIn: '`none`; must be said in production with an https public URL',
        accepts: 'none, or addresses and networks (10.0.0.0/8) with commas between them',
        description: 'Proxies whose `X-Forwarded-*` headers are believed.',
      } satisfies Notes),
      isProxyList,
    ),
  ),
  GUICHET_SHARED_NETWORKS: Type.Array(network, {
    default: [],
    accepts: 'addresses and networks (10.0.0.0/8) with commas between them',
    description: 'Networks that many people share; their limits are twenty-fold.',
  } satisfies Notes),
  GUICHET_MAIL_URL: Type.Optional(
    text(isMailUrl, {
      standIn: 'development mailbox; required in production',
      accepts: 'smtp://user:password@host:port or smtps://…',
      hides: 'password',
      description: 'How mail is sent.',
    }),
  ),
  GUICHET_MAIL_FROM: text(isSender, {
    standIn: '`Guichet <no-reply@<host of the public URL>>`',
    accepts: 'an address, alone or as Name <address>',
    description: 'Sender of every mail.',
  }),
  GUICHET_SMS_URL: Type.Optional(
    text(isSmsUrl, {
      standIn: 'development mailbox; none in production',
      accepts: 'https://… of a webhook (http on this machine only), or twilio://SID:TOKEN@FROM',
      hides: 'password',
      description:
        'How SMS are sent: a webhook that takes signed JSON (Standard Webhooks), or Twilio. `FROM` is a number, a ' +
        'sender name or a messaging service (MG…). Without it, production sends none and offers none.',
    }),
  ),
  GUICHET_SMS_SECRET: Type.Optional(
    text(isWebhookSecret, {
      standIn: 'none; required with a webhook as `GUICHET_SMS_URL`',
      accepts: 'whsec_ and 24 to 64 random bytes in base64, for example from: echo whsec_$(openssl rand -base64 32)',
      hides: 'all',
      description: 'What the SMS webhook’s requests are signed with.',
    }),
  ),
  GUICHET_TWILIO_API_URL: Type.Decode(
    text(isApiOrigin, {
      default: 'https://api.twilio.com',
      accepts: 'an https URL without a path (http on this machine only)',
      description: 'Where Twilio’s interface is: a region of theirs, or a test server.',
    }),
    toOrigin,
  ),
  GUICHET_PHONE_REGION: Type.Decode(
    text(isPhoneCountry, {
      default: 'FR',
      accepts: 'the two letters of a country (ISO 3166-1)',
      description: 'Country whose numbers may be written without its prefix.',
    }),
    toCountry,
  ),
  GUICHET_SMS_COUNTRIES: Type.Array(country, {
    standIn: '`GUICHET_PHONE_REGION`',
    accepts: 'the two letters of countries (ISO 3166-1) with commas between them',
    minItems: 1,
    description: 'Countries that SMS may go to.',
  } satisfies Notes & { minItems: number }),
  GUICHET_SMS_BUDGET: Type.Integer({
    default: 100,
    minimum: 0,
    maximum: 1_000_000,
    description:
      'SMS that may go out in an hour, everybody’s together; further ones are not sent. Half of it is kept for people who ' +
      'have given the right password or are signed in.',
  } satisfies Notes & { minimum: number; maximum: number }),
  GUICHET_REQUIRE_VERIFIED_EMAIL: Type.Boolean({
    default: false,
    description:
      'Bearer contract only: whether nobody gets in before their address is proven. Without it, signing up opens a ' +
      'session that may do little until then. The cookie and device contracts always ask for it.',
  } satisfies Notes),
  GUICHET_GITHUB_CLIENT_ID: Type.Optional(
    text(isFilled, {
      standIn: 'none',
      accepts: 'any text',
      description: 'With `GUICHET_GITHUB_CLIENT_SECRET`: people may sign in with GitHub.',
    }),
  ),
  GUICHET_GITHUB_CLIENT_SECRET: Type.Optional(
    text(isFilled, {
      standIn: 'none; required with `GUICHET_GITHUB_CLIENT_ID`',
      accepts: 'any text',
      hides: 'all',
      description: 'What GitHub knows this server by.',
    }),
  ),
  GUICHET_GITHUB_BASE_URL: Type.Decode(
    text(isApiOrigin, {
      default: 'https://github.com',
      accepts: 'an https URL without a path (http on this machine only)',
      description: 'Where people sign in with GitHub: a GitHub Enterprise Server, or a test server.',
    }),
    toOrigin,
  ),
  GUICHET_GITHUB_API_URL: Type.Decode(
    text(isApiUrl, {
      default: 'https://api.github.com',
      accepts: 'an https URL (http on this machine only)',
      description: 'Where GitHub’s interface is; that of a GitHub Enterprise Server ends in `/api/v3`.',
    }),
    withoutFinalSlash,
  ),
  GUICHET_GOOGLE_CLIENT_ID: Type.Optional(
    text(isFilled, {
      standIn: 'none',
      accepts: 'any text',
      description: 'With `GUICHET_GOOGLE_CLIENT_SECRET`: people may sign in with Google.',
    }),
  ),
  GUICHET_GOOGLE_CLIENT_SECRET: Type.Optional(
    text(isFilled, {
      standIn: 'none; required with `GUICHET_GOOGLE_CLIENT_ID`',
      accepts: 'any text',
      hides: 'all',
      description: 'What Google knows this server by.',
    }),
  ),
  GUICHET_GOOGLE_ISSUER: text(isIssuer, {
    default: 'https://accounts.google.com',
    accepts: 'an https URL (http on this machine only) without a query, and without /.well-known/…',
    description: 'What Google calls itself; another one is for test servers.',
  }),
  'GUICHET_OIDC_<NAME>_ISSUER': text(isIssuer, {
    standIn: 'none; required with the others of its name',
    accepts: 'an https URL (http on this machine only) without a query, and without /.well-known/…',
    description:
      'An OpenID Connect issuer that people may sign in with, as it writes itself. `<NAME>` is letters A to Z and digits; in ' +
      'lower case it is what the issuer is called in URLs. Its endpoints may lie elsewhere, by https and at public addresses.',
  }),
  'GUICHET_OIDC_<NAME>_CLIENT_ID': text(isFilled, {
    standIn: 'none; required with the others of its name',
    accepts: 'any text',
    description: 'What the issuer calls this server.',
  }),
  'GUICHET_OIDC_<NAME>_CLIENT_SECRET': text(isFilled, {
    standIn: 'none; required with the others of its name',
    accepts: 'any text',
    hides: 'all',
    description: 'What the issuer knows this server by.',
  }),
  'GUICHET_OIDC_<NAME>_EMAIL_DOMAINS': Type.Array(emailDomain, {
    standIn: 'none',
    accepts: 'domains with commas between them, such as example.org',
    description:
      'Domains whose addresses the issuer may speak for: who proves one of them there gets into the account that has it ' +
      'here. Subdomains count only when listed.',
  } satisfies Notes),
  GUICHET_RECAPTCHA_SECRET: Type.Optional(
    text(isFilled, {
      standIn: 'none',
      accepts: 'any text',
      hides: 'all',
      description:
        'Sanctum contract only: what reCAPTCHA knows this server by. With it, asking for a link by mail needs a token of ' +
        'reCAPTCHA; without, none is looked at.',
    }),
  ),
  GUICHET_RECAPTCHA_URL: text(isApiUrl, {
    default: 'https://www.google.com/recaptcha/api/siteverify',
    accepts: 'an https URL (http on this machine only)',
    description:
      'Where those tokens are verified: Google’s other host, `www.recaptcha.net`, a service that answers alike, or a test ' +
      'server. It is told the caller’s address.',
  }),
  GUICHET_RATE_LIMITS: Type.Boolean({
    default: true,
    description:
      'Request, sending and sign-up rates. `off` is for tests and refused in production; the lock after wrong ' +
      'passwords stays.',
  } satisfies Notes),
  GUICHET_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'What is logged: JSON lines, or readable text on a terminal.',
  } satisfies Notes),
});

type Declared = StaticDecode<typeof Settings>;
export type SettingName = keyof Declared;
/** The settings that exist once for each name. */
export type FamilyName = Extract<SettingName, `${string}<NAME>${string}`>;

/** What holds; of a family, what holds for each name, which is in lower case. */
export type Settings = Omit<Declared, FamilyName> & {
  [Name in FamilyName]: ReadonlyMap<string, Declared[Name]>;
};
