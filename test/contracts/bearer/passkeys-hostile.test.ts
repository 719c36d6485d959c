import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { cbor } from '../../support/cbor.ts';
import {
  type AssertionParts,
  type RegistrationParts,
  SoftwareAuthenticator,
} from '../../support/software-authenticator.ts';
import {
  type Answer,
  type Client,
  type OpenedClient,
  OTHER_PASSWORD,
  openClient,
  PASSWORD,
  sharedWorld,
} from './client.ts';
import {
  assertionOf,
  assertRefused,
  assertUnknown,
  creationOptions,
  type Holder,
  holder,
  passkeyMails,
  pendingChallenge,
  reauthenticateWith,
  reauthenticationOptions,
  registrationOf,
  signInOptions,
  signInWith,
} from './passkey-people.ts';

// Thirty refused from a network would end a corpus early; that limit has tests of its own.
const env = { GUICHET_RATE_LIMITS: 'off' };

type Attacked = Holder & { secret: string };

async function withTotp(world: OpenedClient, of: Parameters<typeof holder>[1] = {}): Promise<Attacked> {
  const who = await holder(world, of);
  return { ...who, ...(await world.enrol(who.client)) };
}

/** A login of somebody with a second factor that waits for it. */
async function waiting(world: OpenedClient, { email }: { email: string }) {
  const client = world.another();
  return { client, challenge: await pendingChallenge(await client.signIn(email)) };
}

const sessionsOf = async (world: OpenedClient, { account }: Holder): Promise<number> => {
  const rows = world.handle.read.selectFrom('session').select('id').where('account_id', '=', account.id).execute();
  return (await rows).length;
};

const stillOne = async ({ client, passkey }: Holder): Promise<void> => {
  const { passkeys = [] } = (await client.get('/passkeys')).body;
  assert.deepEqual(
    passkeys.map(({ id }) => id),
    [passkey.id],
  );
};

/** Every ceremony: how its options are got, and where its answer goes. */
type CeremonyName = 'register' | 'reauthenticate' | 'sign in' | 'second factor';

async function ceremonies(world: OpenedClient, who: Attacked) {
  const { challenge, client: other } = await waiting(world, who);
  const { client } = who;
  const options: Record<CeremonyName, () => Promise<{ challenge: string }>> = {
    register: () => creationOptions(client, {}),
    reauthenticate: () => reauthenticationOptions(client),
    'sign in': () => signInOptions(other),
    'second factor': () => signInOptions(other, { challenge }),
  };
  const answer: Record<CeremonyName, (response: object) => Promise<Answer>> = {
    register: (response) => client.post('/passkey/register', { response }),
    reauthenticate: (response) => client.post('/reauthenticate', { response }),
    'sign in': (response) => other.post('/passkey/sign-in', { response }, { token: null }),
    'second factor': (response) => other.post('/passkey/sign-in', { challenge, response }, { token: null }),
  };
  return { options, answer, names: Object.keys(options) as CeremonyName[] };
}

/** What an authenticator makes of any challenge for one of the two kinds of ceremony. */
function answerTo(
  name: CeremonyName,
  authenticator: SoftwareAuthenticator,
  challenge: string,
  tamper?: (parts: AssertionParts & RegistrationParts) => unknown,
): object {
  const common = { challenge, rpId: 'localhost', rp: { id: 'localhost' } };
  const handle = authenticator.credentials.at(-1)?.userHandle ?? '';
  if (name !== 'register') return assertionOf(authenticator, common, tamper && { tamper: tamper as never });
  const options = { ...common, user: { id: handle }, pubKeyCredParams: [{ alg: -7, type: 'public-key' }] };
  return registrationOf(new SoftwareAuthenticator(), options, tamper && { tamper: tamper as never });
}

describe('a challenge', () => {
  const open = sharedWorld({ env });

  it('R106: of one ceremony opens no other', async () => {
    const world = open();
    const who = await withTotp(world);
    const { answer, names, options } = await ceremonies(world, who);
    for (const made of names) {
      for (const used of names.filter((name) => name !== made)) {
        const { challenge } = await options[made]();
        const response = answerTo(used, who.authenticator, challenge);
        assertRefused(await answer[used](response), `of ${made}, at ${used}`);
        // The other form of answer, where it belongs least.
        assertRefused(await answer[used](answerTo(made, who.authenticator, challenge)), `${made} at ${used}`);
      }
    }
    await stillOne(who);
    // Each opens its own; registering moves the epoch, and is the last.
    for (const name of ['sign in', 'reauthenticate', 'second factor', 'register'] as const) {
      const { challenge } = await options[name]();
      assert.equal((await answer[name](answerTo(name, who.authenticator, challenge))).status, 200, name);
    }
  });

  it('R106: is used once', async () => {
    const world = open();
    const who = await withTotp(world);
    const { answer, options } = await ceremonies(world, who);
    for (const name of ['sign in', 'reauthenticate', 'second factor', 'register'] as const) {
      const { challenge } = await options[name]();
      const response = answerTo(name, who.authenticator, challenge);
      assert.equal((await answer[name](response)).status, 200, name);
      assertRefused(await answer[name](response), `${name} again`);
      // Nor with a new signature and a higher counter, which a stolen authenticator could give.
      assertRefused(await answer[name](answerTo(name, who.authenticator, challenge)), `${name} anew`);
    }
  });

  it('R106: lives for five minutes', async () => {
    const world = open();
    const who = await withTotp(world);
    const { answer, names, options } = await ceremonies(world, who);
    const asked = await Promise.all(names.map(async (name) => ({ name, ...(await options[name]()) })));
    const kept = await signInOptions(who.client);
    world.clock.advance({ seconds: 299 });
    assert.equal((await answer['sign in'](assertionOf(who.authenticator, kept))).status, 200);
    world.clock.advance({ seconds: 1 });
    const refuseAll = async (): Promise<void> => {
      for (const { challenge, name } of asked) {
        assertRefused(await answer[name](answerTo(name, who.authenticator, challenge)), name);
      }
    };
    await refuseAll();
    world.clock.advance({ seconds: 1 });
    await refuseAll();
  });

  it('R106: is made new by nobody: an expiry that is put off is none of ours', async () => {
    const { authenticator, client } = await holder(open());
    const bytes = Buffer.from((await signInOptions(client)).challenge, 'base64url');
    bytes.writeUIntBE(bytes.readUIntBE(16, 6) + 600_000, 16, 6);
    const response = answerTo('sign in', authenticator, bytes.toString('base64url'));
    assertRefused(await client.post('/passkey/sign-in', { response }));
  });

  it('R106: with any byte altered, cut off or added is none', async () => {
    const { authenticator, client } = await holder(open());
    const { challenge } = await signInOptions(client);
    const bytes = Buffer.from(challenge, 'base64url');
    assert.equal(bytes.length, 54);
    const altered = [...bytes.keys()].map((index) => {
      const copy = Buffer.from(bytes);
      copy.writeUInt8(copy.readUInt8(index) ^ 1, index);
      return copy;
    });
    const others = [...altered, bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.alloc(1)])];
    others.push(
      Buffer.alloc(54),
      Buffer.alloc(54, 255),
      randomBytes(54),
      Buffer.concat([bytes, bytes]),
      Buffer.alloc(1),
    );
    for (const other of others) {
      const response = answerTo('sign in', authenticator, other.toString('base64url'));
      assertRefused(await client.post('/passkey/sign-in', { response }), other.toString('hex'));
    }
    // The same bytes in another spelling would be another digest, and a second use.
    for (const spelling of [`${challenge}=`, `${challenge}==`, ` ${challenge}`, `${challenge}\n`]) {
      assertRefused(await client.post('/passkey/sign-in', { response: answerTo('sign in', authenticator, spelling) }));
    }
    const right = answerTo('sign in', authenticator, challenge);
    assert.equal((await client.post('/passkey/sign-in', { response: right })).status, 200);
  });

  it('R106: of another session of the same account is refused', async () => {
    const world = open();
    const who = await withTotp(world);
    const other = world.another();
    assert.equal((await other.signIn(who.email, PASSWORD, { totpCode: world.totp(who.secret) })).status, 200);
    const creation = registrationOf(new SoftwareAuthenticator(), await creationOptions(other, {}));
    assertRefused(await who.client.post('/passkey/register', { response: creation }));
    const assertion = assertionOf(who.authenticator, await reauthenticationOptions(other));
    assertRefused(await who.client.post('/reauthenticate', { response: assertion }));
    // Where it belongs it still works: a refused answer uses nothing up.
    assert.equal((await other.post('/reauthenticate', { response: assertion })).status, 200);
    assert.equal((await other.post('/passkey/register', { response: creation })).status, 200);
  });

  it('R106: of another account’s session is refused', async () => {
    const world = open();
    const [victim, attacker] = [await holder(world), await holder(world)];
    const creation = registrationOf(new SoftwareAuthenticator(), await creationOptions(attacker.client));
    assertRefused(await victim.client.post('/passkey/register', { response: creation }));
    await stillOne(victim);
  });

  it('R106: of another login that waits is refused, also of the same account', async () => {
    const world = open();
    const who = await withTotp(world);
    const [one, other] = [await waiting(world, who), await waiting(world, who)];
    const options = await signInOptions(one.client, { challenge: one.challenge });
    const response = assertionOf(who.authenticator, options);
    assertRefused(await other.client.post('/passkey/sign-in', { challenge: other.challenge, response }));
    assertRefused(await other.client.post('/passkey/sign-in', { response }));
    assert.equal((await one.client.post('/passkey/sign-in', { challenge: one.challenge, response })).status, 200);
    // An account without a factor has none that waits; somebody else's does not become its own.
    const stranger = await holder(world);
    const own = assertionOf(stranger.authenticator, { ...options, allowCredentials: [] });
    assertRefused(await stranger.client.post('/passkey/sign-in', { challenge: other.challenge, response: own }));
  });

  it('rule 8: dies when the account changes meanwhile', async () => {
    const world = open();
    const who = await withTotp(world);
    const { answer, options } = await ceremonies(world, who);
    const asked = await Promise.all(
      (['register', 'reauthenticate', 'second factor'] as const).map(async (name) => ({
        name,
        ...(await options[name]()),
      })),
    );
    const change = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
    assert.equal((await who.client.post('/change-password', change)).status, 200);
    for (const { challenge, name } of asked) {
      assertRefused(await answer[name](answerTo(name, who.authenticator, challenge)), name);
    }
    await stillOne(who);
    // A changed password takes no passkey away.
    assert.equal((await signInWith(world.another(), who.authenticator)).status, 200);
  });

  it('rule 8: dies with the session that asked', async () => {
    const world = open();
    const { authenticator, client } = await holder(world);
    const creation = registrationOf(new SoftwareAuthenticator(), await creationOptions(client));
    const assertion = assertionOf(authenticator, await reauthenticationOptions(client));
    assert.equal((await client.post('/sign-out')).status, 200);
    for (const answer of [
      await client.post('/passkey/register', { response: creation }),
      await client.post('/reauthenticate', { response: assertion }),
    ]) {
      assert.deepEqual([answer.status, answer.body.error], [401, 'INVALID_TOKEN']);
    }
  });

  it('R106: of another server is refused, though its passkeys are the same', async (t) => {
    const world = open();
    const { authenticator, client } = await holder(world);
    const elsewhere = await openClient(t, { env: { GUICHET_SECRET: 'Vd8sQ2mXw6Zr1TbY9nKfL4cHpG7uEj3A' } });
    const options = await signInOptions(elsewhere.another());
    assertRefused(await client.post('/passkey/sign-in', { response: assertionOf(authenticator, options) }));
  });

  it('R106: one answer that arrives fifty times opens one session, and accuses nobody’s passkey', async () => {
    const world = open();
    const who = await holder(world);
    const before = await sessionsOf(world, who);
    const response = assertionOf(who.authenticator, await signInOptions(who.client));
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => world.another().post('/passkey/sign-in', { response })),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    for (const answer of answers.filter(({ status }) => status !== 200)) assertRefused(answer);
    assert.equal((await sessionsOf(world, who)) - before, 1);
    assert.deepEqual(await passkeyMails(world, who.email), ['A passkey was added']);
  });

  it('R111: that was answered before is no sign of a copied passkey: a second press tells the owner nothing', async () => {
    const world = open();
    const { authenticator, client, email } = await holder(world);
    const response = assertionOf(authenticator, await signInOptions(client));
    const clicks = [world.another(), world.another()];
    assert.equal((await clicks[0]?.post('/passkey/sign-in', { response }))?.status, 200);
    assertRefused((await clicks[1]?.post('/passkey/sign-in', { response })) ?? assert.fail());
    assert.deepEqual(await passkeyMails(world, email), ['A passkey was added']);
  });
});

type Lie = [string, (parts: AssertionParts & RegistrationParts) => unknown];

/** What no honest browser sends, in either ceremony. */
const LIES: Lie[] = [
  ['another origin', ({ clientData }) => Object.assign(clientData, { origin: 'https://evil.example' })],
  [
    'the origin on another port',
    ({ clientData }) => Object.assign(clientData, { origin: 'http://evil.localhost:3000' }),
  ],
  [
    'a name that only begins as ours',
    ({ clientData }) => Object.assign(clientData, { origin: 'http://localhost.evil.example' }),
  ],
  ['the origin with a path', ({ clientData }) => Object.assign(clientData, { origin: 'http://localhost:3000/' })],
  ['no origin', ({ clientData }) => Object.assign(clientData, { origin: undefined })],
  ['an opaque origin', ({ clientData }) => Object.assign(clientData, { origin: 'null' })],
  ['another site’s frame', ({ clientData }) => Object.assign(clientData, { crossOrigin: true })],
  ['another site’s window', ({ clientData }) => Object.assign(clientData, { topOrigin: 'https://evil.example' })],
  ['an unknown type', ({ clientData }) => Object.assign(clientData, { type: 'payment.get' })],
  ['no type', ({ clientData }) => Object.assign(clientData, { type: undefined })],
  ['another relying party', (parts) => Object.assign(parts, { rpId: 'evil.example' })],
  ['a name above the relying party’s', (parts) => Object.assign(parts, { rpId: 'host' })],
  ['nobody present', ({ flags }) => Object.assign(flags, { userPresent: false })],
  ['backed up, but not eligible', ({ flags }) => Object.assign(flags, { backupEligible: false, backedUp: true })],
  [
    'an extension flag with nothing behind it',
    (parts) =>
      Object.assign(parts.flags, { extensionData: true }) && Object.assign(parts, { extensions: Buffer.alloc(0) }),
  ],
  ['bytes behind the data', (parts) => Object.assign(parts, { behind: Buffer.from('00', 'hex') })],
];

const UNVERIFIED: Lie = ['its user not verified', ({ flags }) => Object.assign(flags, { userVerified: false })];
/** What only an assertion can lie about. */
const ASSERTED: Lie[] = [
  [
    'eligible for a backup, which it was not when it was made',
    ({ flags }) => Object.assign(flags, { backupEligible: true }),
  ],
  ['a signature of other bytes', (parts) => wrap(parts, (sign) => () => sign(Buffer.from('other')))],
  ['a signature with a bit turned', (parts) => wrap(parts, (sign) => (bytes) => turned(sign(bytes)))],
  ['a signature cut short', (parts) => wrap(parts, (sign) => (bytes) => sign(bytes).subarray(0, -1))],
  [
    'a signature with more behind it',
    (parts) => wrap(parts, (sign) => (bytes) => Buffer.concat([sign(bytes), Buffer.alloc(1)])),
  ],
];

type Sign = (bytes: Uint8Array) => Buffer;
const wrap = (parts: { sign: Sign }, around: (sign: Sign) => Sign): unknown =>
  Object.assign(parts, { sign: around(parts.sign) });

function turned(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
  return copy;
}

describe('an answer that lies', () => {
  const open = sharedWorld({ env });

  for (const [ceremony, lies] of [
    ['register', [...LIES, UNVERIFIED]],
    ['reauthenticate', [...LIES, ...ASSERTED, UNVERIFIED]],
    ['sign in', [...LIES, ...ASSERTED, UNVERIFIED]],
    ['second factor', [...LIES, ...ASSERTED]],
  ] as const) {
    it(`R107: is refused to ${ceremony}`, async () => {
      const world = open();
      const who = await withTotp(world);
      const { answer, options } = await ceremonies(world, who);
      const sessions = await sessionsOf(world, who);
      for (const [lie, tamper] of lies) {
        const { challenge } = await options[ceremony]();
        assertRefused(await answer[ceremony](answerTo(ceremony, who.authenticator, challenge, tamper)), lie);
      }
      assert.equal(await sessionsOf(world, who), sessions);
      await stillOne(who);
      assert.deepEqual(await passkeyMails(world, who.email), ['A passkey was added']);
      const { challenge } = await options[ceremony]();
      assert.equal((await answer[ceremony](answerTo(ceremony, who.authenticator, challenge))).status, 200);
    });
  }

  it('R108: brings no key but of the three kinds, whole and once', async () => {
    const { client } = await open().signedIn();
    const keys: [string, (key: Map<number, unknown>) => unknown][] = [
      ['RS1', (key) => key.set(1, 3).set(3, -65535).set(-1, randomBytes(256)).set(-2, Buffer.from('010001', 'hex'))],
      ['ES384', (key) => key.set(3, -35)],
      ['another type', (key) => key.set(1, 1)],
      ['another curve', (key) => key.set(-1, 2)],
      ['a point off the curve', (key) => key.set(-2, Buffer.alloc(32, 1)).set(-3, Buffer.alloc(32, 1))],
      ['the point at infinity', (key) => key.set(-2, Buffer.alloc(32)).set(-3, Buffer.alloc(32))],
      ['half a point', (key) => key.delete(-3)],
      ['a short coordinate', (key) => key.set(-2, Buffer.alloc(31, 1))],
      ['the private half', (key) => key.set(-4, Buffer.alloc(32, 1))],
    ];
    for (const [what, change] of keys) {
      const response = registrationOf(new SoftwareAuthenticator(), await creationOptions(client), {
        tamper: ({ publicKey }) => change(publicKey as Map<number, unknown>),
      });
      assertRefused(await client.post('/passkey/register', { response }), what);
    }
    const behind = registrationOf(new SoftwareAuthenticator(), await creationOptions(client), {
      tamper: (parts) => Object.assign(parts, { behindAttestation: cbor(new Map()) }),
    });
    assertRefused(await client.post('/passkey/register', { response: behind }), 'CBOR behind the attestation');
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [] });
  });

  it('R109: names a credential by 1,023 bytes at most', async () => {
    const { client } = await open().signedIn();
    const named = async (length: number) => {
      const authenticator = new SoftwareAuthenticator();
      const response = registrationOf(authenticator, await creationOptions(client), {
        tamper: (parts) => Object.assign(parts, { credentialId: randomBytes(length) }),
      });
      return { authenticator, answer: await client.post('/passkey/register', { response }) };
    };
    const longest = await named(1023);
    assert.equal(longest.answer.status, 200, longest.answer.text);
    assert.equal((await signInWith(open().another(), longest.authenticator)).status, 200);
    assertRefused((await named(1024)).answer);
    assertRefused((await named(0)).answer);
  });

  it('R109: brings no credential that an account has already', async () => {
    const world = open();
    const owner = await holder(world);
    const attacker = await holder(world);
    const [held] = owner.authenticator.credentials;
    const credentialId = Buffer.from(held?.id ?? '', 'base64url');
    for (const client of [attacker.client, owner.client]) {
      const response = registrationOf(new SoftwareAuthenticator(), await creationOptions(client), {
        tamper: (parts) => Object.assign(parts, { credentialId }),
      });
      assertRefused(await client.post('/passkey/register', { response }));
    }
    await stillOne(owner);
    await stillOne(attacker);
    const { body } = await signInWith(world.another(), owner.authenticator);
    assert.equal(body.user?.id, `user_${owner.account.uuid}`);
  });
});

describe('somebody else’s passkey', () => {
  const open = sharedWorld({ env });
  const handleOf = ({ authenticator }: Holder): string => authenticator.credentials[0]?.userHandle ?? '';
  const saying = (userHandle: string | undefined) => (parts: AssertionParts) => Object.assign(parts, { userHandle });

  it('R110: completes no login of the victim, whose password is known', async () => {
    const world = open();
    const [victim, attacker] = [await withTotp(world), await withTotp(world)];
    for (const tamper of [undefined, saying(handleOf(victim)), saying(undefined)]) {
      const { challenge, client } = await waiting(world, victim);
      const options = { ...(await signInOptions(client, { challenge })), allowCredentials: [] };
      const response = assertionOf(attacker.authenticator, options, tamper ? { tamper } : {});
      assertRefused(await client.post('/passkey/sign-in', { challenge, response }));
      assert.equal(client.token, null);
      // Of three that wait the oldest goes.
      world.clock.advance({ seconds: 1 });
    }
    // Under the victim's credential id the attacker's signature is worth nothing.
    const { challenge, client } = await waiting(world, victim);
    const [held] = victim.authenticator.credentials;
    const options = { ...(await signInOptions(client, { challenge })), allowCredentials: [] };
    const response = assertionOf(attacker.authenticator, options, {
      tamper: (parts) =>
        Object.assign(parts, { credentialId: Buffer.from(held?.id ?? '', 'base64url'), userHandle: handleOf(victim) }),
    });
    assertRefused(await client.post('/passkey/sign-in', { challenge, response }));
    assert.equal((await signInWith(client, victim.authenticator, { challenge })).status, 200);
  });

  it('R110: makes no session of the victim fresh', async () => {
    const world = open();
    const [victim, attacker] = [await holder(world), await holder(world)];
    for (const tamper of [undefined, saying(handleOf(victim)), saying(undefined)]) {
      const options = { ...(await reauthenticationOptions(victim.client)), allowCredentials: [] };
      const response = assertionOf(attacker.authenticator, options, tamper ? { tamper } : {});
      assertRefused(await victim.client.post('/reauthenticate', { response }));
    }
  });

  it('R110: signs in to no account but its own, whatever user it names', async () => {
    const world = open();
    const [victim, attacker] = [await holder(world), await holder(world)];
    for (const handle of [
      handleOf(victim),
      randomBytes(64).toString('base64url'),
      'AA',
      Buffer.from(attacker.account.uuid).toString('base64url'),
    ]) {
      assertRefused(await signInWith(world.another(), attacker.authenticator, { tamper: saying(handle) }), handle);
    }
    const { body } = await signInWith(world.another(), attacker.authenticator);
    assert.equal(body.user?.id, `user_${attacker.account.uuid}`);
  });

  it('R110: names its user where nobody else has (WebAuthn §7.2, step 6)', async () => {
    const world = open();
    const who = await withTotp(world);
    assertRefused(await signInWith(world.another(), who.authenticator, { tamper: saying(undefined) }));
    // After a first factor, or in a session, it is known who it must be.
    const { challenge, client } = await waiting(world, who);
    const second = await signInWith(client, who.authenticator, { challenge, tamper: saying(undefined) });
    assert.equal(second.status, 200, second.text);
    const fresh = await reauthenticateWith(client, who.authenticator, { tamper: saying(undefined) });
    assert.equal(fresh.status, 200, fresh.text);
  });
});

describe('a counter that has gone back', () => {
  const open = sharedWorld({ env });
  const at = (counter: number) => (parts: AssertionParts) => Object.assign(parts, { counter });

  it('R111: is refused everywhere; the owner is told which passkey it is, and it is recorded', async () => {
    const world = open();
    const who = await withTotp(world, { name: 'Blue key' });
    for (let count = 0; count < 3; count += 1) await reauthenticateWith(who.client, who.authenticator);
    const { challenge, client } = await waiting(world, who);
    const refused = [
      await signInWith(world.another(), who.authenticator, { tamper: at(3) }),
      await signInWith(world.another(), who.authenticator, { tamper: at(0) }),
      await signInWith(client, who.authenticator, { challenge, tamper: at(2) }),
      await reauthenticateWith(who.client, who.authenticator, { tamper: at(1) }),
    ];
    for (const answer of refused) assertRefused(answer);
    const mails = (await world.mails(who.email)).filter(({ subject }) => subject === 'A passkey was refused');
    // One notice an hour says it all.
    assert.equal(mails.length, 1);
    const events = await world.world.store.audit.list({ accountUuid: who.account.uuid, limit: 100 });
    assert.ok(events.some(({ kind }) => kind === 'passkey.counter_regressed'));
    for (const { links, text } of mails) {
      assert.match(text, /Blue key/);
      assert.deepEqual(links, []);
    }
    // The owner's own goes on: it has counted further.
    assert.equal((await signInWith(world.another(), who.authenticator)).status, 200);
    world.clock.advance({ hours: 1 });
    assertRefused(await signInWith(world.another(), who.authenticator, { tamper: at(1) }));
    const subjects = await passkeyMails(world, who.email);
    assert.equal(subjects.filter((subject) => subject === 'A passkey was refused').length, 2);
  });

  it('R111: accuses nobody where the rest is not right', async () => {
    const world = open();
    const { authenticator, client, email } = await holder(world);
    for (let count = 0; count < 3; count += 1) await reauthenticateWith(client, authenticator);
    for (const [lie, tamper] of [...LIES, ...ASSERTED, UNVERIFIED]) {
      const answer = await signInWith(world.another(), authenticator, {
        tamper: (parts) => [at(1)(parts), tamper(parts as AssertionParts & RegistrationParts)],
      });
      assertRefused(answer, lie);
    }
    assert.deepEqual(await passkeyMails(world, email), ['A passkey was added']);
  });

  it('R111: is none where nothing is counted', async () => {
    const world = open();
    const { authenticator } = await holder(world, { make: { counts: false } });
    for (let count = 0; count < 3; count += 1) {
      assert.equal((await signInWith(world.another(), authenticator)).status, 200);
    }
  });

  it('R111: is one where counting has stopped', async () => {
    const world = open();
    const { authenticator, client, email } = await holder(world);
    assert.equal((await signInWith(world.another(), authenticator)).status, 200);
    assertRefused(await signInWith(world.another(), authenticator, { tamper: at(0) }));
    assert.equal((await passkeyMails(world, email)).filter((subject) => subject === 'A passkey was refused').length, 1);
    assert.equal((await client.get('/session')).status, 200);
  });
});

/** JSON texts, so that what JSON can say and JavaScript would tidy up is sent as it is. */
const HOSTILE = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '1e400',
  '""',
  '"x"',
  '"{}"',
  '[]',
  '[[]]',
  '[{}]',
  '{}',
  '{"id":1}',
  '{"id":null,"rawId":null,"type":null,"response":null}',
  '{"id":"","rawId":"","type":"public-key","response":{}}',
  '{"id":"AA","rawId":"AA","type":"public-key","response":"AA"}',
  '{"id":"AA","rawId":"AA","type":"public-key","response":[]}',
  '{"id":"AA","rawId":"AQ","type":"public-key","response":{"clientDataJSON":"e30"}}',
  '{"id":"AA","rawId":"AA","type":"password","response":{"clientDataJSON":"e30"}}',
  '{"id":["AA"],"rawId":["AA"],"type":["public-key"],"response":{"clientDataJSON":["e30"]}}',
  '{"id":{"toString":"AA"},"rawId":{"length":2},"type":"public-key","response":{}}',
  '{"__proto__":{"id":"AA"},"constructor":{"prototype":{"id":"AA"}}}',
  '{"toJSON":"x","then":"x","valueOf":1,"hasOwnProperty":1}',
  ...['e30', 'bnVsbA', 'W10', 'MQ', 'IiI', '_w', 'eyJ0eXBlIjo', '', '!', 'e30=', 'AA'].map(
    (clientDataJSON) =>
      `{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"${clientDataJSON}","authenticatorData":"AA","signature":"AA","attestationObject":"oA","userHandle":"AA"}}`,
  ),
  `{"id":"${'A'.repeat(30_000)}","rawId":"AA","type":"public-key","response":{}}`,
  `{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"${'A'.repeat(30_000)}"}}`,
  `{"a":${'['.repeat(10)}${']'.repeat(10)}}`,
  `{"a":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`,
  `{${Array.from({ length: 500 }, (_, index) => `"k${index}":1`).join(',')}}`,
  '{"id":"\\u0000\\ud800","rawId":"\\u0000\\ud800","type":"public-key","response":{}}',
];

describe('a response that is none', () => {
  const open = sharedWorld({ env });

  it('R108: is refused or not accepted, and never a fault', async () => {
    const world = open();
    const who = await withTotp(world);
    const { challenge, client: other } = await waiting(world, who);
    const sent: [Client, string, string][] = [
      [who.client, '/passkey/register', ''],
      [who.client, '/reauthenticate', ''],
      [other, '/passkey/sign-in', ''],
      [other, '/passkey/sign-in', `"challenge":"${challenge}",`],
    ];
    for (const [client, path, more] of sent) {
      for (const text of HOSTILE) {
        const answer = await client.post(path, undefined, { raw: `{${more}"response":${text}}` });
        const where = `${path} ${text.slice(0, 200)}: ${answer.text}`;
        assert.ok([400, 401].includes(answer.status), where);
        assert.equal(answer.body.error, answer.status === 400 ? 'VALIDATION_ERROR' : 'INVALID_PASSKEY', where);
        assert.deepEqual(Object.keys(answer.body).slice(0, 2), ['error', 'message'], where);
      }
    }
    await stillOne(who);
  });

  it('R108: is a whole answer with any one member gone, or of another type', async () => {
    const world = open();
    const who = await withTotp(world);
    const { answer, names, options } = await ceremonies(world, who);
    for (const name of names) {
      const { challenge } = await options[name]();
      const whole = answerTo(name, who.authenticator, challenge) as Record<string, unknown> & {
        response: Record<string, unknown>;
      };
      const members = ['clientDataJSON', name === 'register' ? 'attestationObject' : 'signature'];
      if (name !== 'register') members.push('authenticatorData');
      for (const value of [undefined, null, '', 0, true, [], {}, ['AA'], '====', 'A', 'AAAA']) {
        for (const member of ['id', 'rawId', 'type', 'response'] as const) {
          const { status } = await answer[name]({ ...whole, [member]: value });
          assert.equal(status, 401, `${name}: ${member} ${JSON.stringify(value)}`);
        }
        for (const member of members) {
          const changed = { ...whole, response: { ...whole.response, [member]: value } };
          assertRefused(await answer[name](changed), `${name}: ${member} ${JSON.stringify(value)}`);
        }
      }
    }
    await stillOne(who);
  });

  it('writes no line of its own into the owner’s mail', async () => {
    const world = open();
    const { client, email } = await world.signedIn();
    const name = 'Blue\r\n\r\nWhen: never\nhttps://evil.example/ <a href="https://evil.example/">key</a>\u202e';
    await client.addPasskey(new SoftwareAuthenticator(), name);
    const [mail] = await world.mails(email);
    assert.equal(mail?.subject, 'A passkey was added');
    assert.equal(mail.text.match(/^When:/gm)?.length, 1);
    assert.doesNotMatch(mail.html ?? '', /<a href="https:\/\/evil/);
    assert.deepEqual(mail.links, []);
    assertUnknown(await client.delete(`/passkeys/passkey_${crypto.randomUUID()}`));
  });
});
