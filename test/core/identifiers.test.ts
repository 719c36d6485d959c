import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client as Browser } from '../contracts/cookie/client.ts';
import { accountIn, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import { type OpenStage, onEachDatabase, PASSWORD, WRONG } from '../support/stage.ts';
import { anotherThan, assertLater, type DeviceStage, nextAddress, withDevices } from './with-devices.ts';

/** Twelve ways to write one French number. */
function spellingsOf(e164: string): string[] {
  const national = `0${e164.slice(3)}`;
  const pairs = national.match(/../g) ?? [];
  const [, ...rest] = pairs;
  const inDigits = (zero: number) => (text: string) =>
    text.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
  return [
    e164,
    national,
    pairs.join(' '),
    pairs.join('.'),
    pairs.join('-'),
    ` ${pairs.join('\u00a0')}\u202f`,
    `+33 ${e164[3]} ${rest.join(' ')}`,
    `+33 (0)${e164[3]} ${rest.join(' ')}`,
    `00 33 ${e164[3]}${rest.join('')}`,
    e164.slice(1),
    inDigits(0x660)(national),
    `\u202a${inDigits(0xff10)(pairs.join('/'))}\u202c`,
  ];
}

/** Ways to write one address: case, spaces, another keyboard's letters, every form of its domain. */
const emailSpellings = (local: string): [canonical: string, ...others: string[]] => [
  `${local}.jos\u00e9@xn--bcher-kva.example`,
  ` ${local}.jos\u00e9@b\u00fccher.example\t`,
  `${local.toUpperCase()}.JOS\u00e9@B\u00dcCHER.Example`,
  `${local}.jose\u0301@bu\u0308cher.example`,
  `\u00a0${local}.Jose\u0301@XN--BCHER-KVA.EXAMPLE`,
  `${local}.jos\u00e9@\uff42\u00fccher.example`,
];

let people = 0;
const nextLocal = (): string => {
  people += 1;
  return `ada${people}x${process.pid}`;
};

interface Named {
  what: string;
  canonical: string;
  spellings: string[];
  field: 'email' | 'phone';
}

const aNumber = (stage: DeviceStage): Named => {
  const canonical = stage.number();
  return { what: 'number', canonical, spellings: spellingsOf(canonical), field: 'phone' };
};
const anAddress = (): Named => {
  const [canonical, ...others] = emailSpellings(nextLocal());
  return { what: 'address', canonical, spellings: [canonical, ...others], field: 'email' };
};

const takenWords = {
  email: 'Cette adresse e-mail est déjà utilisée.',
  phone: 'Ce numéro de téléphone est déjà utilisé.',
};

function oneHoweverSpelt(open: OpenStage, kind: 'number' | 'address'): void {
  const enter = async () => {
    const stage = await withDevices(await open());
    return { ...stage, named: kind === 'number' ? aNumber(stage) : anAddress() };
  };

  it('is registered once', async () => {
    const { app, named, identity } = await enter();
    const [first = '', ...others] = named.spellings.toReversed();
    const made = await app().post('/register', { [named.field]: first, password: PASSWORD });
    assert.equal(made.status, 201, made.text);
    assert.equal(accountIn(made)[named.field], named.canonical);
    for (const spelling of others) {
      const again = await app().post('/register', { [named.field]: spelling, password: PASSWORD });
      assertRefused(again, 409, 'identifier_taken', { message: takenWords[named.field] });
    }
    const { id } = await identity.findAccount({ name: named.canonical });
    assert.equal(id, accountIn(made).id);
  });

  it('is confirmed in another spelling than it was registered in', async () => {
    for (const index of [1, 3, 5]) {
      const { app, codeFor, named } = await enter();
      const client = app();
      await client.post('/register', { [named.field]: named.spellings.at(-index), password: PASSWORD });
      const otp = await codeFor(named.canonical);
      const confirmed = await client.post('/confirm', { identifier: named.spellings[index], otp });
      assert.equal(confirmed.status, 200, confirmed.text);
      assert.equal(accountIn(confirmed)[named.field], named.canonical);
    }
  });

  it('signs in to one account', async () => {
    const { app, member, named } = await enter();
    const { id } = await member({ email: false, [named.field]: named.canonical });
    for (const [index, spelling] of named.spellings.entries()) {
      const account = assertSignedIn(await app().signIn(spelling));
      assert.deepEqual([account.id, account[named.field], account.sign_in_count], [id, named.canonical, index + 1]);
    }
  });

  it('has one lock counter, with an account or without', async () => {
    for (const exists of [true, false]) {
      const { app, member, named } = await enter();
      if (exists) await member({ email: false, [named.field]: named.canonical });
      for (let count = 0; count < 10; count += 1) {
        const spelling = named.spellings[count % named.spellings.length] ?? '';
        assertRefused(await app().signIn(spelling, WRONG), 401, 'invalid_credentials');
      }
      for (const spelling of named.spellings) {
        assertLater(await app().signIn(spelling), 'account_locked', 900);
      }
    }
  });

  it('has one counter of what is sent there, in its one form', async () => {
    const { app, clock, deliver, member, named, sentTo } = await enter();
    await member({ email: false, [named.field]: named.canonical });
    for (const spelling of [...named.spellings, ...named.spellings].slice(0, 12)) {
      const asked = await app().post('/password/forgot', { identifier: spelling });
      const { challenge = '' } = asked.body;
      const message = 'Si ce compte existe, un code de 8 chiffres a été envoyé.';
      assert.deepEqual(asked.body, { status: 201, message, challenge });
      // Before it is too old to be sent.
      await deliver();
      clock.advance({ seconds: 61 });
    }
    const sent = await sentTo(named.canonical);
    assert.deepEqual(
      sent.map(({ to }) => to),
      Array(5).fill(named.canonical),
    );
  });

  it('has one counter of wrong confirmation codes in each network, and one of all together', async () => {
    const { app, codeFor, named } = await enter();
    await app().post('/register', { [named.field]: named.canonical, password: PASSWORD });
    const otp = await codeFor(named.canonical);
    for (let network = 0; network < 10; network += 1) {
      const here = app();
      for (let count = 0; count < 10; count += 1) {
        const identifier = named.spellings[count % named.spellings.length];
        assertRefused(await here.post('/confirm', { identifier, otp: anotherThan(otp) }), 401, 'invalid_otp');
      }
      const identifier = named.spellings[network % named.spellings.length];
      assertLater(await here.post('/confirm', { identifier, otp }), 'rate_limited', 3600);
    }
    for (const identifier of named.spellings) {
      assertLater(await app().post('/confirm', { identifier, otp }), 'rate_limited', 3600);
    }
  });

  it('waits a minute between two confirmation codes', async () => {
    const { app, clock, codesTo, named } = await enter();
    await app().post('/register', { [named.field]: named.canonical, password: PASSWORD });
    const resend = async (): Promise<number> => {
      for (const identifier of named.spellings.slice(0, 5)) {
        const answer = await app().post('/confirm/resend', { identifier });
        const message = 'Si ce compte attend une confirmation, un code de 6 chiffres a été envoyé.';
        assert.deepEqual(answer.body, { status: 201, message });
      }
      return (await codesTo(named.canonical)).length;
    };
    assert.equal(await resend(), 1);
    clock.advance({ seconds: 60 });
    assert.equal(await resend(), 2);
  });
}

onEachDatabase('a phone number in twelve spellings (R118)', (open) => oneHoweverSpelt(open, 'number'));
onEachDatabase('an e-mail address in every spelling (R117)', (open) => oneHoweverSpelt(open, 'address'));

onEachDatabase('the lock of an address', (open) => {
  it('counts what is typed anywhere: at sign-in, with the second step, in a session, and in another contract', async () => {
    const stage = await withDevices(await open());
    const { app, member } = stage;
    const [canonical, ...others] = emailSpellings(nextLocal());
    await member({ email: canonical });
    const inside = app();
    assertSignedIn(await inside.signIn(canonical));
    const browser = new Browser(await stage.server(), { address: nextAddress() });
    const spelt = (index: number): string => others[index % others.length] ?? '';
    const surfaces = [
      (index: number) => app().signIn(spelt(index), WRONG),
      (index: number) => app().verify(spelt(index), '000000', { password: WRONG }),
      () => inside.post('/reauthenticate', { password: WRONG }),
      () => inside.put('/password', { current_password: WRONG, password: 'granite otter parade' }),
      (index: number) => browser.signIn(spelt(index), WRONG),
    ];
    for (let count = 0; count < 10; count += 1) {
      const answer = await surfaces[count % surfaces.length]?.(count);
      assert.equal(answer?.status, 401, `${count}: ${answer?.text}`);
    }
    for (const [index, surface] of surfaces.entries()) {
      const answer = await surface(index);
      assert.deepEqual([answer.status, answer.headers['retry-after']], [423, '900'], `${index}: ${answer.text}`);
    }
    // It touches no session.
    assert.equal((await inside.get('/me')).status, 200);
  });

  it('evaluates ten of a hundred guesses that come at once in all spellings', async () => {
    const { app, member, number, handle, world } = await withDevices(await open());
    const phone = number();
    await member({ email: false, phone });
    const spellings = spellingsOf(phone);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => app().signIn(spellings[index % spellings.length] ?? '', WRONG)),
    );
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 401).length, 10);
    assert.equal(statuses.filter((status) => status === 423).length, 90);
    const counted = await handle.read
      .selectFrom('attempt')
      .select(['client', 'total', 'locks', 'taken'])
      .where('identifier_digest', 'in', world.keyring.digests('identifier', phone))
      .execute();
    assert.deepEqual(
      counted.map((row) => ({ ...row })),
      [{ client: '*', total: 10, locks: 1, taken: 0 }],
    );
  });
});

/** Pairs that people and careless software take for one another, after a part that is a test's own. */
const lookAlikes: readonly [what: string, one: string, other: string][] = [
  ['a dotless i', 'admin@example.com', 'adm\u0131n@example.com'],
  ['a dotted capital I', 'admin@example.com', 'adm\u0130n@example.com'],
  ['a Cyrillic a', 'ada@example.com', 'ad\u0430@example.com'],
  ['a Cyrillic a in the domain', 'ada@example.com', 'ada@ex\u0430mple.com'],
  ['a full-width a', 'ada@example.com', '\uff41da@example.com'],
  ['a sharp s', 'strasse@example.com', 'stra\u00dfe@example.com'],
  ['a sharp s in the domain', 'ada@strasse.example', 'ada@stra\u00dfe.example'],
  ['a capital letter beyond ASCII', '\u00e9ve@example.com', '\u00c9ve@example.com'],
  ['a ligature', 'office@example.com', 'o\ufb03ce@example.com'],
  ['a dot', 'ada@example.com', 'a.da@example.com'],
  ['a tag', 'ada@example.com', 'ada+guichet@example.com'],
];

onEachDatabase('two addresses that look alike', (open) => {
  it('are two accounts, two locks, and two mailboxes', async () => {
    const stage = await withDevices(await open());
    const { app, clock, codesTo, sentTo, identity } = stage;
    for (const [what, ...pair] of lookAlikes) {
      const local = nextLocal();
      const [one, other] = pair.map((address) => `${local}.${address}`) as [string, string];
      const accounts = [];
      for (const email of [one, other]) {
        const made = await app().post('/register', { email, password: PASSWORD });
        assert.equal(made.status, 201, `${what}: ${made.text}`);
        accounts.push(accountIn(made));
      }
      const [first, second] = accounts.map(({ email }) => email ?? '') as [string, string];
      assert.notEqual(first, second, what);
      assert.deepEqual([(await codesTo(first)).length, (await codesTo(second)).length], [1, 1], what);

      for (let count = 0; count < 10; count += 1) await app().signIn(one, WRONG);
      assert.equal((await app().signIn(one)).status, 423, what);
      assertRefused(await app().signIn(other), 403, 'account_not_confirmed');

      clock.advance({ seconds: 61 });
      await app().post('/password/forgot', { identifier: other });
      const letters = [await sentTo(first), await sentTo(second)];
      const codes = letters.map((sent) => sent.filter(({ code }) => code?.length === 8).length);
      assert.deepEqual(codes, [0, 1], what);
      assert.equal((await identity.findAccount({ name: other })).id, accounts[1]?.id);
    }
  });
});

/** Neither an address nor a number. */
const nothing = [
  'ada\uff20example.com',
  'ada@example',
  'ada@@example.com',
  'Ada <ada@example.com>',
  'ada@example.com, eve@example.com',
  `${'a'.repeat(65)}@example.com`,
  `ada@${'a'.repeat(60)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.com`,
  '0612345678 poste 12',
  '06 12 34 56 7',
  '+999 12 34 56 78',
  '112',
  'tel:+33612345678',
  'ada',
];

onEachDatabase('what is no address and no number', (open) => {
  it('registers nobody', async () => {
    const { app } = await withDevices(await open());
    for (const text of nothing) {
      const asEmail = await app().post('/register', { email: text, password: PASSWORD });
      const notEmail = { email: ['Cette adresse e-mail n’est pas valide.'] };
      assertRefused(asEmail, 422, 'validation_failed', { errors: notEmail });
      if (text.length > 40) continue;
      const asPhone = await app().post('/register', { phone: text, password: PASSWORD });
      const notPhone = { phone: ['Ce numéro de téléphone n’est pas valide.'] };
      assertRefused(asPhone, 422, 'validation_failed', { errors: notPhone });
    }
  });

  it('is answered like an identifier that nobody has', async () => {
    const stage = await withDevices(await open());
    const { app } = stage;
    const ask = async (identifier: string) => {
      const challenge = 'x'.repeat(43);
      const answers = [
        await app().signIn(identifier),
        await app().post('/2fa/request-otp', { identifier }),
        await app().verify(identifier, '123456'),
        await app().post('/confirm', { identifier, otp: '123456' }),
        await app().post('/confirm/resend', { identifier }),
        await app().post('/password/forgot', { identifier }),
        await app().post('/password/reset', {
          identifier,
          challenge,
          otp: '12345678',
          password: 'granite otter parade',
        }),
      ];
      return answers.map(({ body }) => ({ ...body, ...(body.challenge && { challenge: body.challenge.length }) }));
    };
    const nobody = await ask(stage.address());
    assert.deepEqual(
      nobody.map(({ status }) => status),
      [401, 201, 401, 401, 201, 201, 401],
    );
    for (const text of nothing) assert.deepEqual(await ask(text), nobody, text);
    assert.deepEqual(await stage.mails(), []);
  });
});
