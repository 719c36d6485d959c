import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PASSWORD, sharedWorld, WRONG } from '../contracts/bearer/client.ts';
import { openOAuth, RETURN, STATE_COOKIE } from '../contracts/bearer/oauth-world.ts';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';

describe('attacks on the bearer contract: mails and rows', () => {
  const world = sharedWorld();

  it('an address that somebody signed up with hears of nothing that is done with the account', async () => {
    const victim = world().address('victim');
    const attacker = world().another();
    assert.equal((await attacker.signUp(victim)).status, 201);
    for (let time = 0; time < 12; time += 1) {
      const stranger = world().another({ headers: { 'user-agent': `Mallory/${time}.0` } });
      assert.equal((await stranger.signIn(victim)).status, 200);
    }
    for (let time = 0; time < 6; time += 1) await world().another().signIn(victim, WRONG);
    assert.equal((await world().another().signIn(victim)).status, 200);
    const subjects = async () => (await world().mails(victim)).map(({ subject }) => subject);
    assert.deepEqual(await subjects(), ['Confirm your e-mail address']);
    assert.equal((await attacker.delete('/user', { password: PASSWORD })).status, 200);
    assert.deepEqual(await subjects(), ['Confirm your e-mail address']);
  });

  it('an owner hears of ten new devices an hour, and of the next ones an hour later', async () => {
    const { email } = await world().signedIn();
    const told = async () => (await world().mails(email)).filter(({ subject }) => /new device/.test(subject)).length;
    const signIns = async (name: string, count: number) => {
      for (let time = 0; time < count; time += 1) {
        const other = world().another({ headers: { 'user-agent': `${name}/${time}.0` } });
        assert.equal((await other.signIn(email)).status, 200);
      }
    };
    await signIns('Heron', 14);
    assert.equal(await told(), 10);
    world().clock.advance({ hours: 1 });
    await signIns('Stork', 1);
    assert.equal(await told(), 11);
  });

  it('a session renames its passkeys sixty times an hour at most', async () => {
    const { client, email } = await world().signedIn();
    const { id } = await client.addPasskey(new SoftwareAuthenticator());
    const statuses: number[] = [];
    for (let time = 0; time < 61; time += 1) {
      statuses.push((await client.patch(`/passkeys/${id}`, { name: `key ${time}` })).status);
    }
    // One of the sixty was to add it.
    assert.deepEqual([...new Set(statuses.slice(0, 59))], [200]);
    assert.deepEqual(statuses.slice(59), [429, 429]);
    assert.equal((await client.get('/passkeys')).body.passkeys?.[0]?.name, 'key 58');
    assert.equal((await world().mails(email)).filter(({ subject }) => /passkey/i.test(subject)).length, 60);
  });

  it('a picture’s address ends no attribute', async () => {
    const { client } = await world().signedIn();
    for (const image of [
      'https://a.example/"><img/src=x/onerror=alert(1)>',
      "https://a.example/'onload='alert(1)",
      'https://a.example/`x`',
      'javascript:alert(1)',
      'https://user@a.example/x.png',
    ]) {
      const answer = await client.patch('/user', { image });
      assert.deepEqual([answer.status, Object.keys(answer.body.fields ?? {})], [400, ['image']], image);
    }
    const image = 'https://a.example/u/1?v=4&s=(80)#x';
    assert.equal((await client.patch('/user', { image })).body.user?.image, image);
  });
});

describe('attacks on the bearer contract: what a provider tells', () => {
  it('who has an account is told ten times an hour to a network, and to those known already no less', async (t) => {
    const oauth = await openOAuth(t);
    const address = '203.0.113.9';
    const come = async () => {
      const browser = oauth.another({ address });
      const { location = '' } = await browser.get(`/oauth/acme?redirectUrl=${encodeURIComponent(RETURN)}`);
      const back = new URL(await oauth.acme.signInAt(location));
      const answer = await browser.askAt('GET', `${back.pathname}${back.search}`);
      assert.ok(!browser.cookies.has(STATE_COOKIE));
      return Object.fromEntries(new URL(answer.location ?? '').searchParams);
    };
    oauth.acmePerson({ sub: 'known', email: 'known@acme.example' });
    assert.ok('code' in (await come()));
    for (let time = 0; time < 10; time += 1) {
      const { email } = await oauth.account();
      oauth.acmePerson({ sub: `asks-${time}`, email });
      assert.equal((await come())['error'], 'link_required');
    }
    const { email } = await oauth.account();
    oauth.acmePerson({ sub: 'asks-once-more', email });
    assert.equal((await come())['error'], 'rate_limited');
    oauth.acmePerson({ sub: 'asks-for-nobody', email: 'nobody@other.example' });
    assert.equal((await come())['error'], 'rate_limited');
    oauth.acmePerson({ sub: 'known', email: 'known@acme.example' });
    assert.ok('code' in (await come()));
  });

  it('an account with another identity of the provider hears so before its second factor is used up', async (t) => {
    const oauth = await openOAuth(t);
    const { client, email } = await oauth.signedIn();
    const arrive = async () => {
      const browser = oauth.another();
      const { location = '' } = await browser.get('/oauth/github');
      const back = new URL(await oauth.github.signInAt(location));
      return browser.askAt('GET', `${back.pathname}${back.search}`);
    };
    oauth.octocat({ email, id: 1 });
    assert.equal((await arrive()).status, 200);
    await oauth.enrol(client);
    oauth.octocat({ email, id: 2 });
    const answer = await arrive();
    assert.deepEqual([answer.status, answer.body.error], [409, 'PROVIDER_ALREADY_LINKED']);
  });
});
