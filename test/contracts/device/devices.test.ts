import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasPostgres } from '../../support/databases.ts';
import { assertDone, assertRefused } from './answers.ts';
import { openClient, sharedWorld } from './client.ts';

const FORGOTTEN = 'Appareil oublié. Ses sessions ont été déconnectées.';

describe('devices', () => {
  const world = sharedWorld();

  it('lists those that were signed in on, the last used first', async () => {
    const { account, another, clock } = world();
    const { email } = await account();
    const [phone, laptop] = [
      another({ address: '192.0.2.30', device: { device_name: 'Pixel 9', device_fingerprint: 'P' } }),
      another({ address: '192.0.2.31', device: { device_type: 'Navigateur', device_os: 'Debian' } }),
    ];
    const at = [new Date(clock.now()).toISOString()];
    await phone.signIn(email);
    clock.advance({ minutes: 1 });
    at.push(new Date(clock.now()).toISOString());
    await laptop.signIn(email);
    const answer = await phone.get('/devices');
    const [first, second] = answer.body.devices ?? [];
    assert.notEqual(first?.id, second?.id);
    assert.deepEqual(answer.body, {
      status: 200,
      devices: [
        {
          id: first?.id,
          type: 'Navigateur',
          name: null,
          os: 'Debian',
          ip: '192.0.2.31',
          current: false,
          created_at: at[1],
          last_used_at: at[1],
        },
        {
          id: second?.id,
          type: null,
          name: 'Pixel 9',
          os: null,
          ip: '192.0.2.30',
          current: true,
          created_at: at[0],
          last_used_at: at[0],
        },
      ],
    });
  });

  it('knows one by its fingerprint, whatever it is called since', async () => {
    const { account, another } = world();
    const { email } = await account();
    const client = another();
    await client.signIn(email);
    await client.signIn(email, undefined, { device_name: 'Renamed', device_os: undefined });
    const { devices = [] } = (await client.get('/devices')).body;
    assert.deepEqual(
      devices.map(({ name, os }) => [name, os]),
      [['Renamed', 'Android']],
    );
  });

  it('never shows a fingerprint', async () => {
    const { client } = await world().signedIn();
    const { text } = await client.get('/devices');
    assert.ok(!text.includes(client.device.device_fingerprint ?? '-'));
  });

  it('forgets one and ends its sessions', async () => {
    const { another, signedIn } = world();
    const { client, email } = await signedIn();
    const other = another();
    await other.signIn(email);
    const { devices = [] } = (await client.get('/devices')).body;
    const id = devices.find(({ current }) => !current)?.id;
    assertDone(await client.delete(`/devices/${id}`), FORGOTTEN);
    assertRefused(await other.get('/me'), 401, 'token_expired');
    assertRefused(await other.refresh(), 401, 'token_expired');
    assert.equal((await client.get('/devices')).body.devices?.length, 1);
    assertRefused(await client.delete(`/devices/${id}`), 404, 'not_found');
  });

  it('forgets the one that asks', async () => {
    const { client } = await world().signedIn();
    const { devices = [] } = (await client.get('/devices')).body;
    assertDone(await client.delete(`/devices/${devices[0]?.id}`), FORGOTTEN);
    assertRefused(await client.get('/me'), 401, 'token_expired');
  });

  it('needs a token', async () => {
    const client = world().another();
    assertRefused(await client.get('/devices'), 401, 'invalid_token');
    assertRefused(await client.delete('/devices/1'), 401, 'invalid_token');
  });

  it('takes a sign-in’s word on its device for a label alone: a known fingerprint spares no notice', async () => {
    const { another, mails, signedIn } = world();
    const { client, email } = await signedIn();
    await another({ device: client.device }).signIn(email);
    assert.deepEqual(
      (await mails(email)).map(({ subject }) => subject),
      ['Une connexion depuis un nouvel appareil'],
    );
  });
});

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres;
  describe(`forgetting a device, on ${database}`, { skip }, () => {
    it('forgets none of somebody else, and none that is none', async (t) => {
      const { signedIn } = await openClient(t, { database });
      const [mine, theirs] = [await signedIn(), await signedIn()];
      const { devices = [] } = (await theirs.client.get('/devices')).body;
      const names = [devices[0]?.id, 0, -1, 2147483648, '999999999999999', '9999999999999999', '1e3', 'x', '%00'];
      for (const id of names) {
        assertRefused(await mine.client.delete(`/devices/${id}`), 404, 'not_found');
      }
      assert.equal((await theirs.client.get('/me')).status, 200);
      assert.equal((await mine.client.get('/me')).status, 200);
    });
  });
}
