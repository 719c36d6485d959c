import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import { mailboxOn } from '../../src/delivery/mailbox.ts';
import { phoneNumbers } from '../../src/phone/phones.ts';
import { eachDatabase } from '../support/databases.ts';
import { keyring, NOON, random, rendered } from './mail-world.ts';

eachDatabase('the development mailbox', (open) => {
  it('shows a message as the interface promises', async (t) => {
    const mailbox = mailboxOn(await open(t), keyring, random);
    await mailbox.send(rendered({ links: ['https://auth.example/reset-password?token=t'] }));
    assert.deepEqual(await mailbox.list(), [
      {
        id: '7b1f',
        channel: 'email',
        to: 'ada@example.com',
        subject: 'Choose a new password',
        text: 'Hello Ada,\n\n.a line that begins with a dot\n',
        html: '<!doctype html><p>Hello Ada,</p>',
        links: ['https://auth.example/reset-password?token=t'],
        code: null,
        createdAt: '2026-03-05T12:00:00.042Z',
      },
    ]);
  });

  it('lists the newest first, also within one millisecond', async (t) => {
    const mailbox = mailboxOn(await open(t), keyring, random);
    for (const [id, createdAt] of [
      ['first', NOON],
      ['second', NOON],
      ['late', NOON - 1],
      ['third', NOON],
      ['last', NOON + 1],
    ] as const) {
      await mailbox.send(rendered({ id, createdAt }));
    }
    assert.deepEqual(
      (await mailbox.list()).map(({ id }) => id),
      ['last', 'third', 'second', 'first', 'late'],
    );
  });

  it('finds the messages of an address in any spelling', async (t) => {
    const mailbox = mailboxOn(await open(t), keyring, random);
    await mailbox.send(rendered({ id: 'mail', to: 'ada@xn--bcher-kva.example' }));
    await mailbox.send(rendered({ id: 'sms', channel: 'sms', to: '+33612345678' }));
    const ids = async (to: string) => (await mailbox.list({ to })).map(({ id }) => id);
    assert.deepEqual(await ids(' ADA@Bücher.example '), ['mail']);
    assert.deepEqual(await ids(' +33612345678 '), ['sms']);
    assert.deepEqual(await ids('eve@example.com'), []);
    assert.deepEqual(await ids(''), []);
  });

  it('finds the messages of a number in any spelling that it is given to read', async (t) => {
    const { canonical } = phoneNumbers({ region: 'FR', countries: ['FR'] });
    const mailbox = mailboxOn(await open(t), keyring, random, canonical);
    await mailbox.send(rendered({ channel: 'sms', to: '+33612345678', subject: '', html: null, code: '004815' }));
    // The last is how an unescaped plus arrives.
    for (const to of ['+33612345678', '06 12 34 56 78', '0033612345678', ' 33612345678', ' 06 12 34 56 78 ']) {
      assert.deepEqual(
        (await mailbox.list({ to })).map(({ html, code }) => [html, code]),
        [['', '004815']],
        to,
      );
    }
    assert.deepEqual(await mailbox.list({ to: '+33612345679' }), []);
  });

  it('keeps one copy of a repeated message', async (t) => {
    const mailbox = mailboxOn(await open(t), keyring, random);
    await mailbox.send(rendered());
    await mailbox.send(rendered());
    assert.equal((await mailbox.list()).length, 1);
  });

  it('stores nothing readable, and skips what was sealed under a lost secret', async (t) => {
    const handle = await open(t);
    await mailboxOn(handle, createKeyring(['a lost secret']), random).send(rendered({ id: 'lost' }));
    const mailbox = mailboxOn(handle, keyring, random);
    await mailbox.send(rendered({ text: 'canary' }));
    assert.doesNotMatch(
      JSON.stringify(await handle.read.selectFrom('mailbox_message').selectAll().execute()),
      /canary|ada@/,
    );
    assert.deepEqual(
      (await mailbox.list()).map(({ id }) => id),
      ['7b1f'],
    );
    assert.equal(await mailbox.find('lost'), undefined);
  });

  it('keeps the newest thousand', async (t) => {
    const handle = await open(t);
    const mailbox = mailboxOn(handle, keyring, random);
    await handle.transaction(async (db) => {
      const old = Array.from({ length: 1000 }, (_, index) => ({
        id: `${index}`,
        sealed: '',
        created_at: NOON + index,
      }));
      await db.insertInto('mailbox_message').values(old).execute();
    });
    await mailbox.send(rendered());
    const kept = await handle.read.selectFrom('mailbox_message').select('id').execute();
    assert.equal(kept.length, 1000);
    assert.ok(!kept.some(({ id }) => id === '0'));
    assert.ok(kept.some(({ id }) => id === '7b1f'));
  });

  it('is empty once emptied', async (t) => {
    const mailbox = mailboxOn(await open(t), keyring, random);
    await mailbox.send(rendered());
    assert.equal((await mailbox.find('7b1f'))?.to, 'ada@example.com');
    await mailbox.empty();
    assert.deepEqual(await mailbox.list(), []);
  });
});
