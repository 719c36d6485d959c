import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linkIn } from '../../src/delivery/links.ts';
import type { QueuedMessage } from '../../src/store/outbox.ts';

const bytes = Buffer.from(Array.from({ length: 32 }, (_, index) => 248 + index * 7));
const token = bytes.toString('base64url');
const form = { id: 42, hash: 'ab'.repeat(32), expires: 1_768_555_800 };
const targets = { publicUrl: 'https://auth.example', spaUrl: 'https://app.example:8443' };

const message = (template: string, facts: object, to = 'ada+x&y@example.com') =>
  ({ template, facts: { token, name: 'Ada', ...facts }, to }) as unknown as QueuedMessage;

describe('the link in a mail', () => {
  it('to set up a password leads to the application while its contract answers, else to our page', () => {
    const mail = message('set_up_password', { form });
    assert.equal(
      linkIn(mail, '/set-up-password', { ...targets, setUpForm: 'app' }),
      `https://app.example:8443/setup-password/42/${form.hash}?expires=1768555800&signature=${bytes.toString('hex')}`,
    );
    assert.equal(
      linkIn(mail, '/set-up-password', { ...targets, setUpForm: 'page' }),
      `https://auth.example/set-up-password?token=${token}`,
    );
  });

  it('to reset a password leads to the application that asked, with the address, and for others to our page', () => {
    for (const setUpForm of ['app', 'page'] as const) {
      const link = (facts: object) =>
        linkIn(message('reset_password', facts), '/reset-password', { ...targets, setUpForm });
      const asked = link({ inApp: true });
      assert.equal(asked, `https://app.example:8443/reset-password?token=${token}&email=ada%2Bx%26y%40example.com`);
      assert.equal(new URL(asked ?? '').searchParams.get('email'), 'ada+x&y@example.com');
      assert.equal(link({}), `https://auth.example/reset-password?token=${token}`);
    }
  });

  it('of every other mail leads to our page, whatever its facts say', () => {
    const mail = message('magic_link', { form, inApp: true });
    assert.equal(
      linkIn(mail, '/magic-link', { ...targets, setUpForm: 'app' }),
      `https://auth.example/magic-link?token=${token}`,
    );
    assert.equal(
      linkIn(message('password_changed', { token: undefined }), null, { ...targets, setUpForm: 'app' }),
      null,
    );
  });
});
