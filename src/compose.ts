import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { recaptcha } from './captcha/recaptcha.ts';
import { type Derived, derive } from './config/derived.ts';
import { SettingsError } from './config/load.ts';
import { rootSecrets } from './config/secret.ts';
import type { Settings } from './config/settings.ts';
import { bearer } from './contracts/bearer/contract.ts';
import { cookie } from './contracts/cookie/contract.ts';
import { device } from './contracts/device/contract.ts';
import type { Captcha } from './contracts/sanctum/captcha.ts';
import { sanctum } from './contracts/sanctum/contract.ts';
import { createIdentity, type Identity } from './core/identity.ts';
import { createKeyring } from './core/keyring.ts';
import { ensureSigningKey } from './core/signing-key.ts';
import type { Clock, Policy, Random, World } from './core/world.ts';
import { cookieForm, deviceForm } from './crypto/access-token-forms.ts';
import { JwtAccessTokens } from './crypto/access-tokens.ts';
import { HashPool } from './crypto/hash-pool.ts';
import { passkeyCeremonies } from './crypto/passkey-ceremonies.ts';
import { ARGON2_PARAMETERS, type Argon2Parameters, argon2id } from './crypto/password-hasher.ts';
import type { Delivery } from './delivery/delivery.ts';
import { type Mailbox, mailboxOn } from './delivery/mailbox.ts';
import { startOutboxWorker } from './delivery/outbox-worker.ts';
import { renderer } from './delivery/render.ts';
import { channelDelivery, smsDelivery } from './delivery/sms.ts';
import type { SmtpDelivery } from './delivery/smtp.ts';
import type { AnyContract } from './http/contract.ts';
import { devMailbox } from './http/dev-mailbox.ts';
import { docs } from './http/docs.ts';
import { health } from './http/health.ts';
import { type Listening, listen } from './http/listen.ts';
import { Metrics } from './http/metrics.ts';
import { serve } from './http/serve.ts';
import { LineCollision } from './http/shared-route.ts';
import { up } from './http/up.ts';
import { wellKnown } from './http/well-known.ts';
import { xsrfTokens } from './http/xsrf.ts';
import { startJobs } from './jobs.ts';
import { hostedPages } from './pages/pages.ts';
import { PasswordAdvisor } from './password-advice/advisor.ts';
import { phoneNumbers } from './phone/phones.ts';
import { identityProviders } from './providers/identity-providers.ts';
import { type AuditVerdict, verifyAudit } from './store/audit-sealer.ts';
import type { DatabaseHandle } from './store/database.ts';
import { outboxQueue } from './store/outbox.ts';
import { openSqlite } from './store/sqlite.ts';
import { storeOn } from './store/store.ts';

const SERVICE_NAME = 'Guichet';
/** Of the API that the sanctum contract's document describes, as it names it at the root. */
const SANCTUM_VERSION = '1.0.0';
/** The names that a request may come for in development mode (rule 1). */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** What a test puts in the place of the machine's own. */
export interface Overrides {
  clock?: Clock;
  random?: Random;
  argon2?: Argon2Parameters;
  passwordAdvice?: World['passwordAdvice'];
  /** For a mail server of the test's own instead of the development mailbox. */
  delivery?: Delivery;
}

/** Every part, put together. */
export interface Composition {
  settings: Settings;
  derived: Derived;
  world: World;
  identity: Identity;
  handle: DatabaseHandle;
  mailbox: Mailbox | undefined;
  smtp: SmtpDelivery | undefined;
  /** Sends what waits in the outbox, once; while it listens the server does so by itself. */
  deliver(): Promise<void>;
  verifyAudit(progress?: (done: number) => void): Promise<AuditVerdict>;
  /** The HTTP server, not listening yet. */
  server(): Promise<FastifyInstance>;
  /** Serves until {@link close}. @returns where it listens */
  listen(): Promise<{ host: string; port: number }>;
  /** Finishes what is under way and lets go of everything. */
  close(): Promise<void>;
}

/**
 * Puts the parts together on a database that is brought up to this version first.
 *
 * @throws {SettingsError} if the data folder or the secret in it can't be used
 * @throws {StoreUnavailable} if the database is not there
 */
export async function compose(
  settings: Settings,
  { log, overrides = {} }: { log: Logger; overrides?: Overrides },
): Promise<Composition> {
  const derived = derive(settings);
  const keyring = createKeyring(rootSecrets(settings));
  const clock: Clock = overrides.clock ?? { now: () => Date.now(), wait: (milliseconds) => sleep(milliseconds) };
  const random: Random = overrides.random ?? { bytes: (length) => randomBytes(length), uuid: () => randomUUID() };
  const handle = await openDatabase(settings);
  const migrated = await handle.migrate();
  if (migrated.length > 0) log.info({ migrations: migrated }, 'the database was brought up to this version');

  const phones = phoneNumbers({ region: settings.GUICHET_PHONE_REGION, countries: settings.GUICHET_SMS_COUNTRIES });
  const store = storeOn(handle, keyring, random);
  const pool = new HashPool();
  const advisor = new PasswordAdvisor();
  const world: World = {
    clock,
    random,
    keyring,
    store,
    hasher: await argon2id(pool, keyring.peppers, overrides.argon2 ?? ARGON2_PARAMETERS),
    passwordAdvice: overrides.passwordAdvice ?? advisor,
    accessTokens: new JwtAccessTokens({
      clock,
      keyring,
      store,
      forms: {
        device: deviceForm({
          issuer: settings.GUICHET_JWT_ISSUER,
          audience: settings.GUICHET_JWT_AUDIENCE,
          secret: settings.GUICHET_JWT_ALG === 'HS256' ? settings.GUICHET_JWT_SECRET : undefined,
        }),
        cookie: cookieForm({ issuer: derived.publicOrigin, audience: derived.publicOrigin }),
      },
    }),
    phones,
    passkeys: passkeyCeremonies({
      relyingPartyId: settings.GUICHET_PASSKEY_RP_ID,
      relyingPartyName: SERVICE_NAME,
      isAllowedOrigin: derived.isPasskeyOrigin,
    }),
    providers: identityProviders({
      providers: derived.providers,
      callbackUrl: (name) => `${derived.publicOrigin}${settings.GUICHET_BEARER_PREFIX}/callback/${name}`,
      report: (trouble) => log.warn(trouble, 'a sign-in with a provider failed'),
    }),
    policy: policyOf(settings, derived),
  };
  const identity = createIdentity(world);

  const mailbox = derived.developmentMailbox ? mailboxOn(handle, keyring, random, phones.canonical) : undefined;
  const smtp = await openSmtp(settings);
  const email = smtp ?? mailbox;
  if (!email) throw new Error('there is no way to send mail');
  const sms = openSms(settings, clock) ?? mailbox;
  const delivery = overrides.delivery ?? channelDelivery({ email, sms });
  const queue = outboxQueue(handle, keyring);
  const render = renderer({
    publicUrl: derived.publicOrigin,
    spaUrl: settings.GUICHET_SANCTUM_SPA_URL,
    setUpForm: (settings.GUICHET_CONTRACTS as string[]).includes('sanctum') ? 'app' : 'page',
    serviceName: SERVICE_NAME,
  });
  const by = `${hostname()}:${process.pid}:${random.uuid()}`;
  const sending = { queue, delivery, render, clock, random, log, by };
  const metrics = new Metrics({ hashesWaiting: () => pool.waiting, messagesWaiting: () => queue.waiting() });
  handle.onCommit(({ events }) => {
    for (const event of events) {
      metrics.count(event);
      const { kind, contract, accountUuid, facts, details } = event;
      log.info({ event: kind, contract, account: accountUuid, ...facts, ...details }, 'recorded');
    }
  });

  const contracts: AnyContract[] = [
    { ...device, prefix: settings.GUICHET_DEVICE_PREFIX },
    { ...bearer, prefix: settings.GUICHET_BEARER_PREFIX },
    { ...cookie, prefix: settings.GUICHET_COOKIE_PREFIX },
    sanctum({
      prefix: settings.GUICHET_SANCTUM_PREFIX,
      sessionCookie: settings.GUICHET_SANCTUM_SESSION_COOKIE,
      xsrfDomain: settings.GUICHET_SANCTUM_XSRF_DOMAIN,
      xsrf: xsrfTokens({ keyring, random }),
      isAllowedOrigin: derived.isAllowedOrigin,
      passwordMinimum: settings.GUICHET_PASSWORD_MIN,
      applicationName: SERVICE_NAME,
      login: settings.GUICHET_SANCTUM_LOGIN,
      captcha: captchaOf(settings, log),
    }),
  ];
  const chosen = contracts.filter(({ name }) => (settings.GUICHET_CONTRACTS as string[]).includes(name));
  const speaksSanctum = settings.GUICHET_CONTRACTS.includes('sanctum');
  let stopping = false;
  let built: Promise<FastifyInstance> | undefined;
  const listening: Listening[] = [];
  const working: { stop(): Promise<void> }[] = [];

  const build = async (): Promise<FastifyInstance> => {
    for (const name of derived.signingContracts) await ensureSigningKey(world, name);
    return serve({
      identity,
      log,
      random,
      contracts: chosen,
      secure: derived.secure,
      publicOrigin: derived.publicOrigin,
      isAllowedOrigin: derived.isAllowedOrigin,
      isSharedNetwork: derived.isSharedNetwork,
      isUnavailable: (error) => handle.isUnavailable(error),
      trustedProxies: derived.trustedProxies,
      hostNames: derived.mode === 'development' ? LOOPBACK_NAMES : undefined,
      beside: async (app) => {
        metrics.observe(app);
        health(app, async () => {
          if (stopping) throw new Error('stopping');
          await handle.check();
        });
        wellKnown(app, {
          publicKeys: () => identity.publicKeys(),
          passkeyPages: { enroll: settings.GUICHET_PASSKEY_ENROLL_URL, manage: settings.GUICHET_PASSKEY_MANAGE_URL },
          relatedOrigins: settings.GUICHET_PASSKEY_ORIGINS,
        });
        const metricsHere = settings.GUICHET_METRICS_PORT === undefined;
        if (metricsHere && (settings.GUICHET_METRICS_TOKEN || derived.mode === 'development')) {
          metrics.serve(app, settings.GUICHET_METRICS_TOKEN);
        }
        if (speaksSanctum) up(app);
        if (settings.GUICHET_DOCS) {
          docs(app, { contracts: chosen, publicUrl: derived.publicOrigin });
        }
        if (mailbox) devMailbox(app, mailbox, { trustProxy: derived.trustedProxies.length > 0 });
        await hostedPages(app, {
          identity,
          keyring,
          random,
          publicOrigin: derived.publicOrigin,
          secure: derived.secure,
          developmentMode: derived.mode === 'development',
          passwordMinimum: settings.GUICHET_PASSWORD_MIN,
          isSharedNetwork: derived.isSharedNetwork,
          isUnavailable: (error) => handle.isUnavailable(error),
          rootAnswer: speaksSanctum ? { name: SERVICE_NAME, version: SANCTUM_VERSION } : undefined,
          links: { docs: settings.GUICHET_DOCS, mailbox: mailbox !== undefined },
        });
      },
    });
  };
  const server = (): Promise<FastifyInstance> =>
    (built ??= build().catch((error) => {
      throw error instanceof LineCollision ? collisionOf(error) : error;
    }));

  return {
    settings,
    derived,
    world,
    identity,
    handle,
    mailbox,
    smtp,
    async deliver() {
      const worker = startOutboxWorker({ ...sending, pollMilliseconds: 0, atOnce: 1 });
      await worker.runOnce();
      await worker.stop();
    },
    server,
    verifyAudit: (progress) => verifyAudit(handle.read, keyring, progress),
    async listen() {
      const host = settings.GUICHET_HOST;
      const main = await listen(await server(), { host, port: settings.GUICHET_PORT });
      listening.push(main);
      if (settings.GUICHET_METRICS_PORT !== undefined) {
        const app = fastify();
        metrics.serve(app, settings.GUICHET_METRICS_TOKEN);
        listening.push(await listen(app, { host, port: settings.GUICHET_METRICS_PORT }));
      }
      const outbox = startOutboxWorker(sending);
      handle.onCommit((effects) => {
        if (effects.outbox) outbox.wake();
      });
      working.push(outbox, startJobs({ handle, keyring, queue, random, clock, log }));
      return { host, port: main.port };
    },
    async close() {
      stopping = true;
      await Promise.all(listening.map((server) => server.close()));
      // Whoever asked for one that could not be built was told so.
      await (await built?.catch(() => undefined))?.close();
      await Promise.all(working.map((work) => work.stop()));
      smtp?.close();
      await advisor.close();
      await handle.close();
    },
  };
}

function policyOf(settings: Settings, { isAllowedOrigin, smsAvailable }: Derived): Policy {
  return {
    signUp: settings.GUICHET_SIGN_UP,
    passwordMinimum: settings.GUICHET_PASSWORD_MIN,
    serviceName: SERVICE_NAME,
    isAllowedOrigin,
    requireVerifiedEmail: settings.GUICHET_REQUIRE_VERIFIED_EMAIL,
    rateLimits: settings.GUICHET_RATE_LIMITS,
    smsAvailable,
    smsBudget: settings.GUICHET_SMS_BUDGET,
  };
}

/** Opens the database that the settings name, without touching its tables. */
export async function openDatabase(settings: Settings): Promise<DatabaseHandle> {
  const { GUICHET_DATABASE_URL: url, GUICHET_DURABILITY: durability } = settings;
  if (url.startsWith('sqlite:')) return openSqlite(url.slice('sqlite:'.length), { durable: durability === 'full' });
  // Loaded by those who use it: an idle server on the embedded database keeps its few megabytes.
  const { openPostgres } = await import('./store/postgres.ts');
  return openPostgres(url);
}

/** Which setting has a contract answer where another one does: the last of them, which the others were there before. */
function collisionOf({ contracts, place }: LineCollision): SettingsError {
  const last = contracts.at(-1) ?? '';
  const others = contracts.slice(0, -1).join(' and ');
  return new SettingsError([
    `GUICHET_${last.toUpperCase()}_PREFIX has ${last} answer ${place} as ${others} does; accepted is another prefix`,
  ]);
}

function captchaOf(settings: Settings, log: Logger): Captcha | undefined {
  const { GUICHET_RECAPTCHA_SECRET: secret, GUICHET_RECAPTCHA_URL: url } = settings;
  const report = (trouble: object): void => log.warn(trouble, 'a captcha could not be judged');
  return secret === undefined ? undefined : recaptcha({ secret, url, report });
}

function openSms(settings: Settings, clock: Clock): Delivery | undefined {
  const { GUICHET_SMS_URL: url, GUICHET_SMS_SECRET: secret, GUICHET_TWILIO_API_URL: twilioApiUrl } = settings;
  return url ? smsDelivery({ url, secret, twilioApiUrl }, clock) : undefined;
}

async function openSmtp(settings: Settings): Promise<SmtpDelivery | undefined> {
  const { GUICHET_MAIL_URL: url, GUICHET_MAIL_FROM: from } = settings;
  if (!url) return undefined;
  const { smtpDelivery } = await import('./delivery/smtp.ts');
  return smtpDelivery({ url, from });
}
