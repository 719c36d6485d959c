import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPicture } from '../../src/core/profile.ts';
import { onEachDatabase, type Stage } from '../support/stage.ts';
import { openBearer } from './bearer-stage.ts';

const PICTURE = 'https://images.example.com/ada.png?size=2#face';

async function profileOf(stage: Stage, uuid: string) {
  const { firstName, image, lastName, name } = (await stage.world.store.accounts.findByUuid(uuid)) ?? assert.fail();
  return { name, image, firstName, lastName };
}

onEachDatabase('what an account shows of its owner', (open) => {
  it('is what they say, the name split as rule 9 has it', async () => {
    const stage = await openBearer(open);
    const { session, uuid } = await stage.member();
    const live = await stage.liveBy(session);
    const change = { live, name: '  Ada  King Lovelace ', image: PICTURE, caller: stage.caller() };
    const changed = await stage.identity.changeProfile(change);
    const wanted = { name: 'Ada  King Lovelace', image: PICTURE, firstName: 'Ada', lastName: 'King Lovelace' };
    assert.deepEqual(await profileOf(stage, uuid), wanted);
    const { firstName, image, lastName, name, updatedAt } = changed;
    assert.deepEqual({ name, image, firstName, lastName }, wanted);
    const stored = await stage.world.store.accounts.findByUuid(uuid);
    assert.equal(updatedAt, stored?.updatedAt);
    assert.equal((await stage.recorded(uuid)).at(-1), 'account.profile_changed');
  });

  it('stays where nothing is said of it, and goes where null or nothing but spaces is said', async () => {
    const stage = await openBearer(open);
    const { session, uuid } = await stage.member();
    const change = async (of: { name?: string | null; image?: string | null }) => {
      const live = await stage.liveBy(session);
      await stage.identity.changeProfile({ live, ...of, caller: stage.caller() });
      const { image, name } = await profileOf(stage, uuid);
      return [name, image];
    };
    assert.deepEqual(await change({ name: 'Ada', image: PICTURE }), ['Ada', PICTURE]);
    assert.deepEqual(await change({}), ['Ada', PICTURE]);
    assert.deepEqual(await change({ image: null }), ['Ada', null]);
    assert.deepEqual(await change({ image: PICTURE }), ['Ada', PICTURE]);
    assert.deepEqual(await change({ name: null }), [null, PICTURE]);
    assert.deepEqual(await change({ name: 'Ada', image: '' }), ['Ada', null]);
    assert.deepEqual(await change({ name: ' \t ' }), [null, null]);
    assert.deepEqual(await profileOf(stage, uuid), { name: null, image: null, firstName: '', lastName: '' });
  });

  it('keeps the first and last name that an operator wrote, until the name is another', async () => {
    const stage = await openBearer(open);
    const email = stage.address();
    const { id, uuid } = await stage.identity.createAccount({ email, verified: true });
    const now = stage.clock.now();
    const written = { name: 'Augusta Ada King', image: null, firstName: 'Augusta Ada', lastName: 'King' };
    await stage.world.store.transaction(({ accounts }) => accounts.setProfile(id, written, now));
    const session = await stage.byLink((await stage.world.store.accounts.find(id)) as never);
    const change = async (name: string | undefined, image?: string) => {
      const live = await stage.liveBy(session);
      await stage.identity.changeProfile({ live, name, image, caller: stage.caller() });
      return profileOf(stage, uuid);
    };
    assert.deepEqual(await change(undefined, PICTURE), { ...written, image: PICTURE });
    assert.deepEqual(await change('Augusta Ada King'), { ...written, image: PICTURE });
    const other = { name: 'Ada Lovelace', image: PICTURE, firstName: 'Ada', lastName: 'Lovelace' };
    assert.deepEqual(await change('Ada Lovelace'), other);
  });

  it('changes nothing where the picture is refused', async () => {
    const stage = await openBearer(open);
    const { session, uuid } = await stage.member();
    const live = await stage.liveBy(session);
    const attempt = stage.identity.changeProfile({
      live,
      name: 'Ada',
      image: 'javascript:alert(1)',
      caller: stage.caller(),
    });
    await assert.rejects(attempt, { code: 'input_rejected', facts: { fields: { image: 'malformed' } } });
    assert.equal((await profileOf(stage, uuid)).name, null);
    assert.equal((await stage.recorded(uuid)).includes('account.profile_changed'), false);
  });

  it('is a newcomer’s to change, and nobody’s whose session is over', async () => {
    const stage = await openBearer(open);
    const { session, uuid } = await stage.member({ verified: false });
    const live = await stage.liveBy(session);
    await stage.identity.changeProfile({ live, name: 'Ada', caller: stage.caller() });
    const credentials = { sessionToken: session.sessionToken };
    await stage.identity.signOut({ contract: 'bearer', credentials, caller: stage.caller() });
    const late = stage.identity.changeProfile({ live, name: 'Eve', caller: stage.caller() });
    await assert.rejects(late, { code: 'session_ended' });
    assert.equal((await profileOf(stage, uuid)).name, 'Ada');
  });

  it('leaves what was issued under the account’s epoch alive, and the record holds neither name nor picture', async () => {
    const stage = await openBearer(open);
    const { session, ...person } = await stage.member();
    const token = await stage.magicLink(person);
    const live = await stage.liveBy(session);
    await stage.identity.changeProfile({ live, name: 'Canary Name', image: PICTURE, caller: stage.caller() });
    await stage.identity.lookAtMagicLink({ token });
    const events = await stage.world.store.audit.list({ accountUuid: person.uuid, limit: 10 });
    assert.doesNotMatch(JSON.stringify(events), /Canary|images\.example/);
  });
});

describe('a picture', () => {
  const good = [
    PICTURE,
    'http://images.example.com/a',
    'https://images.example.com:8443/a%20b?c=d&e=[f]',
    'https://xn--bcher-kva.example/',
    `https://images.example.com/${'a'.repeat(2048 - 'https://images.example.com/'.length)}`,
  ];
  const bad = [
    '',
    'images.example.com/a.png',
    '//images.example.com/a.png',
    '/a.png',
    'ftp://images.example.com/a.png',
    'javascript:alert(1)',
    'data:image/png;base64,AAAA',
    'blob:https://images.example.com/1',
    'file:///etc/passwd',
    'HTTPS://images.example.com/a.png',
    ' https://images.example.com/a.png',
    'https://images.example.com/a b.png',
    'https://images.example.com/\ta.png',
    'https://images.example.com/a\n.png',
    'https://images.example.com/é.png',
    'https://ada:secret@images.example.com/a.png',
    'https://ada@images.example.com/a.png',
    'https://',
    'https://images.example.com:99999/a.png',
    `https://images.example.com/${'a'.repeat(2049 - 'https://images.example.com/'.length)}`,
  ];

  it('has an http or https address that every reader understands alike', () => {
    for (const text of good) assert.equal(isPicture(text), true, text);
  });

  it('has no other address', () => {
    for (const text of bad) assert.equal(isPicture(text), false, text);
  });
});
