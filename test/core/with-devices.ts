import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { AccountId, CodeFactor } from '../../src/core/account.ts';
import type { MailboxMessage } from '../../src/delivery/mailbox.ts';
import { duration } from '../../src/http/duration.ts';
import { type Answer, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import { Client, type DeviceFields } from '../contracts/device/client.ts';
import { PASSWORD, type Stage } from '../support/stage.ts';

export interface Member {
  id: AccountId;
  uuid: string;
  /** Empty where there is none, like the number. */
  email: string;
  phone: string;
}

/** A stage whose people use apps of the device contract, over HTTP. */
export interface DeviceStage extends Stage {
  /** An app that says nothing of its device unless told to, in a network that nobody else comes from unless one is named. */
  app(of?: { address?: string; userAgent?: string; device?: DeviceFields }): Client;
  /** A French mobile number that nobody has. */
  number(): string;
  /** An account with {@link PASSWORD}, made in the store: nothing was sent to it, and nothing counted. */
  member(of?: {
    email?: string | boolean;
    phone?: string | boolean;
    /** What it has proven of the two; all, unless said otherwise. */
    proven?: ('email' | 'phone')[];
    factor?: CodeFactor;
  }): Promise<Member>;
  /** What went to an address or a number, newest first. */
  sentTo(to: string): Promise<MailboxMessage[]>;
  /** The codes among it. */
  codesTo(to: string): Promise<string[]>;
  /** The newest of them. */
  codeFor(to: string): Promise<string>;
}

let networks = 0;

/** A network of its own for everybody who asks. */
export function nextAddress(): string {
  networks += 1;
  return `100.${64 + (networks >> 8)}.${networks & 255}.1`;
}

/** Puts apps of the device contract before a stage's server. */
export async function withDevices(stage: Stage): Promise<DeviceStage> {
  const server = await stage.server();
  const { clock, world } = stage;
  const on: DeviceStage = {
    ...stage,
    app: ({ address = nextAddress(), device = {}, userAgent } = {}) =>
      new Client(server, { address, device, ...(userAgent && { headers: { 'user-agent': userAgent } }) }),
    number: () => `+336${String(randomInt(10 ** 8)).padStart(8, '0')}`,
    async member({ email = true, factor, phone = false, proven = ['email', 'phone'] } = {}) {
      const held = {
        email: email === true ? stage.address() : email || '',
        phone: phone === true ? on.number() : phone || '',
      };
      const hash = await world.hasher.hash(PASSWORD);
      const uuid = world.random.uuid();
      const now = clock.now();
      const id = await world.store.transaction(async ({ accounts, identifiers, passwords }) => {
        const nobody = {
          name: null,
          image: null,
          firstName: '',
          lastName: '',
          createdFrom: { address: null, userAgent: null },
        };
        const accountId = await accounts.create({ uuid, username: uuid, ...nobody, locale: 'fr', createdAt: now });
        for (const kind of ['email', 'phone'] as const) {
          const value = held[kind];
          const verifiedAt = proven.includes(kind) ? now : null;
          if (value) assert.ok(await identifiers.add({ accountId, kind, value, verifiedAt, now }), `${value} is taken`);
        }
        await passwords.replace(accountId, hash, now);
        if (factor) await accounts.setCodeFactor(accountId, factor, now);
        return accountId;
      });
      return { id, uuid, ...held };
    },
    async sentTo(to) {
      await stage.deliver();
      return (await stage.mailbox?.list({ to })) ?? [];
    },
    async codesTo(to) {
      return (await on.sentTo(to)).flatMap(({ code }) => code ?? []);
    },
    async codeFor(to) {
      const [newest] = await on.codesTo(to);
      assert.ok(newest, `no code went to ${to}`);
      return newest;
    },
  };
  return on;
}

export const GALAXY: DeviceFields = {
  device_type: 'Mobile',
  device_name: 'SAMSUNG GALAXY A13',
  device_os: 'Android',
  device_fingerprint: 'HJJKJ6-BKJLOI-12',
};
export const TABLET: DeviceFields = { device_type: 'Tablette', device_name: 'Tab S9', device_fingerprint: 'TAB-9' };

/** An app of a member, signed in. */
export async function appOf(
  stage: DeviceStage,
  { email, phone }: Member,
  of: Parameters<DeviceStage['app']>[0] = {},
): Promise<Client> {
  const app = stage.app(of);
  assertSignedIn(await app.signIn(email || phone));
  return app;
}

/** What an access token says of the device. */
export function deviceIdIn(app: Client): number {
  const [, payload = ''] = (app.accessToken ?? '').split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).device_id;
}

/** A code that is not the one, of the same length. */
export const anotherThan = (code: string): string => `${code.slice(0, -1)}${(Number(code.at(-1)) + 1) % 10}`;

/** Checks a refusal whole that says when to come back. */
export function assertLater(answer: Answer, error: 'account_locked' | 'rate_limited', retryAfter: number): void {
  const later = `Réessayez dans ${duration('fr', retryAfter).replace(/\s/g, ' ')}.`;
  const [status, message] =
    error === 'account_locked' ? [423, `Trop de tentatives échouées. ${later}`] : [429, `Trop de requêtes. ${later}`];
  assertRefused(answer, status as number, error, { message: message as string, retryAfter });
}
