import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client as Browser } from '../contracts/cookie/client.ts';
import { assertDone, assertRefused, assertSignedIn, INSTANT } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { onEachDatabase, PASSWORD } from '../support/stage.ts';
import { appOf, type DeviceStage, deviceIdIn, GALAXY, nextAddress, TABLET, withDevices } from './with-devices.ts';

async function devicesOf(app: Client) {
  const { body, text } = await app.get('/devices');
  assert.ok(body.devices, text);
  return body.devices;
}

onEachDatabase('a device', (open) => {
  it('is one by its fingerprint, wherever and however often it signs in', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const [one, other] = [stage.app({ device: GALAXY }), stage.app({ device: GALAXY, userAgent: 'Another/2.0' })];
    for (const app of [one, other, one]) assertSignedIn(await app.signIn(member.email));
    const ids = (await devicesOf(one)).map(({ id }) => id);
    assert.deepEqual([ids, deviceIdIn(one), deviceIdIn(other)], [[ids[0]], ids[0], ids[0]]);
  });

  it('is each account’s own', async () => {
    const stage = await withDevices(await open());
    const [ada, eve] = [await stage.member(), await stage.member()];
    const [adas, eves] = [await appOf(stage, ada, { device: GALAXY }), await appOf(stage, eve, { device: GALAXY })];
    assert.notEqual(deviceIdIn(adas), deviceIdIn(eves));
    assert.deepEqual([(await devicesOf(adas)).length, (await devicesOf(eves)).length], [1, 1]);
  });

  it('takes the labels that its client gives last, and keeps what it leaves out', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const { device_fingerprint = '' } = GALAXY;
    const [first] = await devicesOf(await appOf(stage, member, { device: GALAXY }));
    assert.ok(first);
    const createdAt = stage.clock.now();
    stage.clock.advance({ minutes: 5 });
    const address = nextAddress();
    const named = { device_fingerprint, device_name: 'Le téléphone d’Ada', device_os: '' };
    const again = await appOf(stage, member, { device: named, address });
    assert.deepEqual(await devicesOf(again), [
      {
        id: first.id,
        type: 'Mobile',
        name: 'Le téléphone d’Ada',
        os: 'Android',
        ip: address,
        current: true,
        created_at: new Date(createdAt).toISOString(),
        last_used_at: new Date(stage.clock.now()).toISOString(),
      },
    ]);
  });

  it('without a fingerprint is told apart by all that it says, its user agent included', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const { device_fingerprint, ...nameless } = GALAXY;
    const apps = [];
    const saying: Parameters<DeviceStage['app']>[0][] = [
      { device: nameless },
      { device: nameless },
      { device: { ...nameless, device_fingerprint: '' } },
      { device: { ...nameless, device_os: 'iOS' } },
      { device: nameless, userAgent: 'Another/2.0' },
      { device: {} },
      { device: {} },
    ];
    for (const of of saying) apps.push(await appOf(stage, member, of));
    const ids = apps.map(deviceIdIn);
    const order = [...new Set(ids)];
    assert.deepEqual(
      ids.map((id) => order.indexOf(id)),
      [0, 0, 0, 1, 2, 3, 3],
    );
    const newestFirst = (await devicesOf(apps[0] as Client)).map(({ id }) => id);
    assert.deepEqual(newestFirst.sort(), order.sort());
  });

  it('has labels of 255 characters at most', async () => {
    const stage = await withDevices(await open());
    const { email } = await stage.member();
    for (const field of ['device_type', 'device_name', 'device_os', 'device_fingerprint']) {
      assertSignedIn(await stage.app().signIn(email, PASSWORD, { [field]: 'é'.repeat(255) }));
      const tooLong = await stage.app().signIn(email, PASSWORD, { [field]: 'é'.repeat(256) });
      assertRefused(tooLong, 422, 'validation_failed', { errors: { [field]: ['Cette valeur est trop longue.'] } });
    }
  });

  it('is listed with those of no other account, the last used first', async () => {
    const stage = await withDevices(await open());
    const [member, stranger] = [await stage.member(), await stage.member()];
    await appOf(stage, stranger, { device: { device_name: 'Stranger’s' } });
    const old = await appOf(stage, member, { device: TABLET });
    stage.clock.advance({ minutes: 1 });
    const now = await appOf(stage, member, { device: GALAXY });
    const answer = await now.get('/devices');
    const [galaxy, tablet] = answer.body.devices ?? [];
    assert.ok(galaxy && tablet);
    for (const { created_at, ip } of [galaxy, tablet]) {
      assert.match(created_at, INSTANT);
      assert.match(ip ?? '', /^100\.\d+\.\d+\.1$/);
    }
    const { created_at: galaxyAt, ip: galaxyIp } = galaxy;
    const { created_at: tabletAt, ip: tabletIp } = tablet;
    assert.deepEqual(answer.body, {
      status: 200,
      devices: [
        {
          id: deviceIdIn(now),
          type: 'Mobile',
          name: 'SAMSUNG GALAXY A13',
          os: 'Android',
          ip: galaxyIp,
          current: true,
          created_at: galaxyAt,
          last_used_at: galaxyAt,
        },
        {
          id: deviceIdIn(old),
          type: 'Tablette',
          name: 'Tab S9',
          os: null,
          ip: tabletIp,
          current: false,
          created_at: tabletAt,
          last_used_at: tabletAt,
        },
      ],
    });
    assert.ok(galaxyAt > tabletAt);
  });

  it('is one of a hundred at most: the least recently used goes, unless somebody is signed in on it', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const oldest = await appOf(stage, member, { device: TABLET });
    const { id: accountId } = member;
    const said = { accountId, type: null, os: null, address: null };
    const ids = await stage.world.store.transaction(async ({ devices }) => {
      const made = [];
      for (let count = 1; count < 100; count += 1) {
        stage.clock.advance({ seconds: 1 });
        made.push(await devices.use({ ...said, label: `f:${count}`, name: `${count}`, now: stage.clock.now() }));
      }
      return made;
    });
    stage.clock.advance({ seconds: 1 });
    const newest = await appOf(stage, member, { device: GALAXY });
    const kept = (await devicesOf(newest)).map(({ id }) => id);
    // The oldest one is beyond the hundred, and in use.
    assert.deepEqual(kept, [deviceIdIn(newest), ...ids.toReversed(), deviceIdIn(oldest)]);
    assert.equal((await oldest.get('/me')).status, 200);

    stage.clock.advance({ seconds: 1 });
    const other = await appOf(stage, member, { device: { device_name: 'One more' } });
    const then = (await devicesOf(other)).map(({ id }) => id);
    assert.deepEqual(then, [deviceIdIn(other), deviceIdIn(newest), ...ids.slice(1).toReversed(), deviceIdIn(oldest)]);
  });
});

onEachDatabase('a device that is forgotten', (open) => {
  it('loses its sessions, and no other one ends', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const [first, second] = [
      await appOf(stage, member, { device: GALAXY }),
      await appOf(stage, member, { device: GALAXY }),
    ];
    const mine = await appOf(stage, member, { device: TABLET });
    const browser = new Browser(await stage.server(), { address: nextAddress() });
    assert.equal((await browser.signIn(member.email, PASSWORD)).status, 200);

    assertDone(
      await mine.delete(`/devices/${deviceIdIn(first)}`),
      'Appareil oublié. Ses sessions ont été déconnectées.',
    );
    for (const app of [first, second]) {
      assertRefused(await app.get('/me'), 401, 'token_expired');
      assertRefused(await app.refresh(), 401, 'token_expired');
    }
    assert.equal((await browser.get('/me')).status, 200);
    assert.equal((await mine.refresh()).status, 200);
    const sessions = (await mine.get('/sessions')).body.sessions ?? [];
    assert.deepEqual(
      sessions
        .map(({ contract, current, device }) => ({ contract, current, device }))
        .sort((one) => (one.current ? -1 : 1)),
      [
        {
          contract: 'device',
          current: true,
          device: { id: deviceIdIn(mine), type: 'Tablette', name: 'Tab S9', os: null },
        },
        { contract: 'cookie', current: false, device: null },
      ],
    );
    assert.deepEqual(await stage.recorded(member.uuid).then((events) => events.at(-1)), 'device.forgotten');
  });

  it('may be the one that asks', async () => {
    const stage = await withDevices(await open());
    const app = await appOf(stage, await stage.member(), { device: GALAXY });
    assert.equal((await app.delete(`/devices/${deviceIdIn(app)}`)).status, 200);
    assertRefused(await app.get('/devices'), 401, 'token_expired');
    assertRefused(await app.refresh(), 401, 'token_expired');
  });

  it('is another one when it comes back', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const mine = await appOf(stage, member, { device: TABLET });
    const before = deviceIdIn(await appOf(stage, member, { device: GALAXY }));
    await mine.delete(`/devices/${before}`);
    const again = await appOf(stage, member, { device: GALAXY });
    assert.ok(deviceIdIn(again) > before);
    assertRefused(await mine.delete(`/devices/${before}`), 404, 'not_found');
    assert.equal((await again.get('/me')).status, 200);
  });

  it('is the asking account’s own: another’s is not there', async () => {
    const stage = await withDevices(await open());
    const [ada, eve] = [await stage.member(), await stage.member()];
    const [adas, eves] = [await appOf(stage, ada, { device: GALAXY }), await appOf(stage, eve, { device: GALAXY })];
    const answers = [
      await eves.delete(`/devices/${deviceIdIn(adas)}`),
      await eves.delete('/devices/999999999999999'),
      await eves.delete('/devices/0'),
    ];
    for (const answer of answers) assertRefused(answer, 404, 'not_found');
    assert.deepEqual(
      (await devicesOf(adas)).map(({ id }) => id),
      [deviceIdIn(adas)],
    );
    assert.equal((await adas.refresh()).status, 200);
  });
});
