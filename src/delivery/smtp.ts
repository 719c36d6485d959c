import nodemailer, { type NodemailerError } from 'nodemailer';
import addressParser from 'nodemailer/lib/addressparser';
import { canonicalEmail } from '../core/identifier.ts';
import { type Delivery, DeliveryFailure, LONGEST_SEND_MILLISECONDS, type RenderedMessage } from './delivery.ts';

/** As many as the outbox sends at once. */
const CONNECTIONS = 8;
const IDLE_MILLISECONDS = 30_000;

export interface SmtpOptions {
  /** `smtp://` or `smtps://`, with user and password if the server wants them. */
  url: string;
  /** `address` or `Name <address>`. */
  from: string;
  /** Longest silence of the server at any step. */
  silenceMilliseconds?: number;
  /** Longest sending in all, against a server that drips. */
  sendMilliseconds?: number;
}

export interface SmtpDelivery extends Delivery {
  /** Connects and signs in, sends nothing. @throws {DeliveryFailure} with the server's reply code */
  verify(): Promise<void>;
  /** Closes every connection, also those in use. */
  close(): void;
}

/**
 * Sends through a mail server. TLS is used wherever the server offers it, with its certificate checked
 * (`NODE_EXTRA_CA_CERTS` adds an authority), and demanded before a password goes to another machine.
 *
 * @throws {TypeError} if the URL is not one of a mail server or `from` is not one address; {URIError} for a stray `%` in the password
 * @see RFC 5321, RFC 8314; ASVS 5.0: 1.3.11, 12.3.2
 */
export function smtpDelivery(options: SmtpOptions): SmtpDelivery {
  const from = onlyAddress(options.from);
  const silence = options.silenceMilliseconds ?? 10_000;
  const transport = nodemailer.createTransport({
    ...serverFrom(options.url),
    pool: true,
    maxConnections: CONNECTIONS,
    // The outbox repeats, with its own count and patience.
    maxRequeues: 0,
    idleTimeout: IDLE_MILLISECONDS,
    dnsTimeout: silence,
    connectionTimeout: silence,
    greetingTimeout: silence,
    socketTimeout: silence,
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    disableFileAccess: true,
    disableUrlAccess: true,
  });

  return {
    async send(message) {
      refuseUnsafe(message);
      // An object is taken as it is; a string would be parsed as a list.
      const to = { name: '', address: message.to };
      try {
        await transport.sendMail({
          envelope: { from: { name: '', address: from.address }, to: [to] },
          from,
          to,
          subject: message.subject,
          text: message.text,
          ...(message.html !== null && { html: message.html }),
          messageId: message.messageId,
          date: new Date(message.createdAt),
          headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834 §5: no out-of-office replies
          signal: AbortSignal.timeout(options.sendMilliseconds ?? LONGEST_SEND_MILLISECONDS),
        });
      } catch (error) {
        throw failureFrom(error as NodemailerError);
      }
    },
    async verify() {
      try {
        await transport.verify();
      } catch (error) {
        throw failureFrom(error as NodemailerError);
      }
    },
    close: () => transport.close({ force: true }),
  };
}

function onlyAddress(text: string): { name: string; address: string } {
  const [sender, ...others] = addressParser(text);
  if (!sender?.address || others.length > 0 || /[\r\n\0]/.test(text))
    throw new TypeError('the sender of mails must be one address');
  return { name: sender.name, address: sender.address };
}

/** Reads the parts that name the server, and no others: nodemailer would take any of its options from the query. */
function serverFrom(text: string) {
  const url = URL.parse(text);
  if (!url?.hostname || !['smtp:', 'smtps:'].includes(url.protocol))
    throw new TypeError('the mail URL must be smtp://… or smtps://…');
  const secure = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const auth = url.username
    ? { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }
    : undefined;
  return {
    host,
    secure,
    port: Number(url.port) || (secure ? 465 : 587), // RFC 8314 §3.3, RFC 6409 §3.1
    requireTLS: auth !== undefined && !isLoopback(host),
    ...(auth && { auth }),
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** R144: what would end a header line, or name more than one recipient, never reaches the mail library. */
function refuseUnsafe({ to, subject, messageId }: RenderedMessage): void {
  if (canonicalEmail(to) !== to)
    throw new DeliveryFailure('the recipient is not a canonical address', { permanent: true });
  if ([to, subject, messageId].some((value) => /[\r\n\0]/.test(value))) {
    throw new DeliveryFailure('a header holds a line break', { permanent: true });
  }
}

/**
 * Keeps of the server's reply its codes alone: its text may repeat the address or the message (R151).
 * Refusals of our own sender or password are temporary, since an operator can put them right.
 */
function failureFrom(error: NodemailerError): DeliveryFailure {
  const status = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(error.response ?? '')?.[1];
  const reason = [error.code ?? error.name, error.timeoutType, error.originalCode, error.responseCode, status]
    .filter(Boolean)
    .join(' ');
  const aboutMessage = error.command === 'RCPT TO' || error.command === 'DATA';
  return new DeliveryFailure(error.command ? `${reason} at ${error.command}` : reason, {
    permanent: error.permanent === true && aboutMessage,
  });
}
