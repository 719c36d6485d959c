import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Letter {
  /** Without the angle brackets. */
  messageId: string;
  to: string;
  subject: string;
  /** Path and token of the link in it. */
  link: { path: string; token: string } | undefined;
}

/** A mail server that takes everything, and keeps it in the order it came. */
export interface PostOffice {
  /** As `GUICHET_MAIL_URL` takes it. */
  url: string;
  letters: Letter[];
  /** Called with each letter before the server says yes to it; what it returns is called right after the yes. */
  onLetter: ((letter: Letter) => (() => void) | undefined) | undefined;
  /** The newest token that went to somebody under a page's path. */
  tokenFor(to: string, path: string): string | undefined;
  close(): Promise<void>;
}

export async function openPostOffice(): Promise<PostOffice> {
  const letters: Letter[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onData(stream, _session, accept) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
      stream.on('end', () => {
        const letter = letterFrom(Buffer.concat(chunks).toString('utf8'));
        const afterYes = office.onLetter?.(letter);
        letters.push(letter);
        accept();
        afterYes?.();
      });
    },
  });
  // A client that is killed in the middle of a sentence is part of the game.
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  const office: PostOffice = {
    url: `smtp://127.0.0.1:${port}`,
    letters,
    onLetter: undefined,
    tokenFor: (to, path) => letters.findLast((letter) => letter.to === to && letter.link?.path === path)?.link?.token,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return office;
}

function letterFrom(source: string): Letter {
  const cut = source.indexOf('\r\n\r\n');
  const head = source.slice(0, cut).replace(/\r\n[ \t]+/g, ' ');
  const header = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1]?.trim() ?? '';
  // Quoted-printable (RFC 2045 §6.7): soft line breaks, and `=` of the query.
  const text = source.slice(cut).replace(/=\r\n/g, '').replace(/=3D/g, '=');
  const [, path, token] = /https?:\/\/[^/\s]+(\/[a-z-]+)\?token=([\w-]{43})/.exec(text) ?? [];
  return {
    messageId: header('Message-ID').replace(/^<|>$/g, ''),
    to: header('To').replace(/^.*<|>$/g, ''),
    subject: header('Subject'),
    link: path && token ? { path, token } : undefined,
  };
}
