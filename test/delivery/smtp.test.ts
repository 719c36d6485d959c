import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type SmtpOptions, smtpDelivery } from '../../src/delivery/smtp.ts';
import { mailServer, refusal, rendered } from './mail-world.ts';

function deliveryTo(t: TestContext, url: string, options: Partial<SmtpOptions> = {}) {
  const delivery = smtpDelivery({ url, from: 'Guichet <no-reply@auth.example>', ...options });
  t.after(() => delivery.close());
  return delivery;
}

/** A mail server played by hand, for what no honest one does. */
async function playedServer(t: TestContext, play: (socket: Socket, line: string) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write('220 played\r\n');
    socket.on('data', (data) => {
      for (const line of data.toString().split('\r\n').filter(Boolean)) play(socket, line);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `smtp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

function politely(socket: Socket, line: string): void {
  if (line.startsWith('EHLO')) socket.write('250 played\r\n');
  else if (/^(MAIL|RCPT|RSET)/.test(line)) socket.write('250 ok\r\n');
  else if (line === 'DATA') socket.write('354 go on\r\n');
}

describe('the SMTP delivery', () => {
  it('sends text and HTML to one recipient', async (t) => {
    const server = await mailServer(t);
    await deliveryTo(t, server.url).send(rendered());

    const [mail] = server.received;
    assert.ok(mail);
    assert.deepEqual(
      [mail.from, mail.recipients, mail.messageId],
      ['no-reply@auth.example', ['ada@example.com'], '<7b1f@auth.example>'],
    );
    assert.match(mail.raw, /^From: Guichet <no-reply@auth\.example>\r$/m);
    assert.match(mail.raw, /^To: ada@example\.com\r$/m);
    assert.match(mail.raw, /^Date: Thu, 05 Mar 2026 12:00:00 \+0000\r$/m);
    assert.match(mail.raw, /^Auto-Submitted: auto-generated\r$/m);
    assert.match(
      mail.raw,
      /Content-Type: text\/plain; charset=utf-8.*\.a line that begins with a dot.*Content-Type: text\/html; charset=utf-8.*<p>Hello Ada,<\/p>/s,
    );
  });

  it('signs in with the user and password of the URL', async (t) => {
    const seen: unknown[] = [];
    const server = await mailServer(
      t,
      {},
      {
        authOptional: false,
        allowInsecureAuth: true,
        onAuth({ username, password }, _session, done) {
          seen.push([username, password]);
          done(null, { user: username });
        },
      },
    );
    await deliveryTo(t, server.url.replace('//', '//gui%40chet:p%3Ass@')).send(rendered());
    assert.deepEqual(seen, [['gui@chet', 'p:ss']]);
  });

  it('calls a 4xx temporary, whoever it is about', async (t) => {
    const server = await mailServer(t, {
      onRecipient: () => {
        throw refusal(451, '4.7.1 ada@example.com greylisted');
      },
    });
    await assert.rejects(deliveryTo(t, server.url).send(rendered()), {
      name: 'DeliveryFailure',
      permanent: false,
      message: 'EENVELOPE 451 4.7.1 at RCPT TO',
    });
  });

  it('calls a 5xx for the recipient or the message permanent', async (t) => {
    const recipient = await mailServer(t, {
      onRecipient: () => {
        throw refusal(550, '5.1.1 no such user');
      },
    });
    const message = await mailServer(t, {
      onMessage: () => {
        throw refusal(554, 'spam');
      },
    });
    await assert.rejects(deliveryTo(t, recipient.url).send(rendered()), {
      permanent: true,
      message: 'EENVELOPE 550 5.1.1 at RCPT TO',
    });
    await assert.rejects(deliveryTo(t, message.url).send(rendered()), { permanent: true });
  });

  it('calls a refused password or sender temporary, since an operator can put it right', async (t) => {
    const password = await mailServer(
      t,
      {},
      {
        authOptional: false,
        allowInsecureAuth: true,
        onAuth: (_auth, _session, done) => done(refusal(535)),
      },
    );
    const sender = await mailServer(t, {}, { onMailFrom: (_address, _session, done) => done(refusal(550)) });
    await assert.rejects(deliveryTo(t, password.url.replace('//', '//user:wrong@')).send(rendered()), {
      permanent: false,
    });
    await assert.rejects(deliveryTo(t, sender.url).send(rendered()), { permanent: false });
  });

  it('gives up on a server that is not there', async (t) => {
    await assert.rejects(deliveryTo(t, 'smtp://127.0.0.1:1').send(rendered()), {
      permanent: false,
      message: /ECONNREFUSED/,
    });
  });

  it('gives up on a server that hangs after the message', async (t) => {
    const url = await playedServer(t, politely);
    const attempt = deliveryTo(t, url, { silenceMilliseconds: 100 }).send(rendered());
    await assert.rejects(attempt, { permanent: false, message: /SOCKET_TIMEOUT/ });
  });

  it('gives up on a server that drips its answer', async (t) => {
    const url = await playedServer(t, (socket, line) => {
      if (line !== '.') return politely(socket, line);
      const timer = setInterval(() => socket.write('250-still thinking\r\n'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    const attempt = deliveryTo(t, url, { sendMilliseconds: 200 }).send(rendered());
    await assert.rejects(attempt, { permanent: false, message: /EABORT/ });
  });

  it('does not repeat by itself what a closed connection left open', async (t) => {
    let messages = 0;
    const url = await playedServer(t, (socket, line) => {
      if (line !== '.') return politely(socket, line);
      messages += 1;
      socket.destroy();
    });
    await assert.rejects(deliveryTo(t, url).send(rendered()), { permanent: false });
    assert.equal(messages, 1);
  });

  it('refuses a certificate that nobody vouches for', async (t) => {
    t.mock.method(process.stderr, 'write', () => true); // the server warns of its own built-in certificate
    const server = await mailServer(t, {}, { secure: true });
    const upgrading = await mailServer(t, {}, { disabledCommands: [] });
    await assert.rejects(deliveryTo(t, `smtps://127.0.0.1:${server.port}`).send(rendered()), { permanent: false });
    await assert.rejects(deliveryTo(t, upgrading.url).send(rendered()), { permanent: false });
    assert.deepEqual([...server.received, ...upgrading.received], []);
  });

  it('lets no value end a header or name a second recipient', async (t) => {
    const server = await mailServer(t);
    const delivery = deliveryTo(t, server.url);
    const addresses = [
      'ada@example.com\r\nBcc: eve@example.com',
      'ada@example.com\nRCPT TO:<eve@example.com>',
      'ada@example.com\0',
      'ada@example.com,eve@example.com',
      'ada@example.com;eve@example.com',
      'ada@example.com eve@example.com',
      'Ada <ada@example.com>',
      'ada@example.com>, <eve@example.com',
      'friends: ada@example.com, eve@example.com;',
      '"ada@example.com, eve"@example.com',
      'ada@example.com(eve@example.com)',
      'ADA@example.com',
      '',
    ];
    for (const to of addresses)
      await assert.rejects(delivery.send(rendered({ to })), { name: 'DeliveryFailure', permanent: true }, to);
    for (const value of ['a\r\nBcc: eve@example.com', 'a\nb', 'a\rb', 'a\0b']) {
      await assert.rejects(delivery.send(rendered({ subject: value })), { permanent: true });
      await assert.rejects(delivery.send(rendered({ messageId: `<${value}>` })), { permanent: true });
    }
    await delivery.send(
      rendered({ subject: 'Bcc: eve@example.com, <eve@example.com>', text: '\r\n.\r\nRCPT TO:<eve@example.com>\r\n' }),
    );

    assert.deepEqual(server.recipients, ['ada@example.com']);
    assert.doesNotMatch(server.received[0]?.raw ?? '', /^Bcc:/im);
  });

  it('verifies the settings without sending', async (t) => {
    const server = await mailServer(t);
    await deliveryTo(t, server.url).verify();
    assert.deepEqual(server.received, []);
    await assert.rejects(deliveryTo(t, 'smtp://127.0.0.1:1').verify(), {
      name: 'DeliveryFailure',
      message: /ECONNREFUSED/,
    });
  });

  it('takes one sender and one server, and no option from the URL', async (t) => {
    for (const url of ['http://mail.example', 'smtp://', 'mail.example:25'])
      assert.throws(() => smtpDelivery({ url, from: 'a@b.example' }), TypeError);
    for (const from of ['', 'Guichet', 'a@b.example, c@d.example', 'a@b.example\r\nBcc: c@d.example']) {
      assert.throws(() => smtpDelivery({ url: 'smtp://mail.example', from }), TypeError, from);
    }
    t.mock.method(process.stderr, 'write', () => true);
    const server = await mailServer(t, {}, { secure: true });
    await assert.rejects(
      deliveryTo(t, `smtps://127.0.0.1:${server.port}/?tls.rejectUnauthorized=false`).send(rendered()),
    );
  });
});
