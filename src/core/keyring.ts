import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

/** What a digest is for; a digest of one purpose never equals one of another. */
export type DigestPurpose =
  | 'one-time-token'
  | 'set-up-link'
  | 'set-up-account'
  | 'session-token'
  | 'remembered-session'
  | 'refresh-token'
  | 'known-client'
  | 'identifier'
  | 'challenge'
  | 'token-challenge'
  | 'passkey-challenge'
  | 'spent-challenge'
  | 'delivered-code'
  | 'device'
  | 'familiar-place'
  | 'form'
  | 'xsrf'
  | 'visitor'
  | 'audit';

/** All keys, derived from the server's secret by HKDF-SHA-256 with a label each (RFC 5869); none is stored. */
export interface Keyring {
  /** HMAC-SHA-256 of a text under the current secret, in base64url. */
  digest(purpose: DigestPurpose, text: string): string;
  /** The same under every secret still accepted, the current one first: what a look-up compares with. */
  digests(purpose: DigestPurpose, text: string): string[];
  /** AES-256-GCM with a random nonce; `context` is authenticated, so a value moved to another row does not open. */
  seal(context: string, text: string, nonce: Uint8Array): string;
  /** Names of the older keys that still open what they sealed; each sealed value begins with its key's name and a dot. */
  readonly olderSeals: readonly string[];
  /** @throws if the value was altered, moved, or sealed under a secret no longer accepted */
  open(context: string, sealed: string): string;
  /** The 256 bits of a refresh token's successor (rule 26): the same token and nonce always give the same. */
  successor(token: string, nonce: string, keyId?: string): { keyId: string; bytes: Uint8Array };
  /** Peppers for password hashes, the current one first; the id is kept beside each hash. */
  peppers: readonly { id: string; key: Buffer }[];
}

/**
 * @param secrets the current secret first, then the one before it while a rotation lasts
 */
export function createKeyring(secrets: readonly [string, ...string[]]): Keyring {
  const generations = secrets.map((secret) => {
    const derive = (label: string): Buffer =>
      Buffer.from(hkdfSync('sha256', secret, 'guichet', `guichet ${label} v1`, 32));
    // Made into a key once: making one of its bytes takes seven times as long as the digest itself.
    const digestKeys = new Map<DigestPurpose, KeyObject>();
    const digestKey = (purpose: DigestPurpose): KeyObject => {
      const key = digestKeys.get(purpose) ?? createSecretKey(derive(`digest ${purpose}`));
      digestKeys.set(purpose, key);
      return key;
    };
    const pepper = derive('password pepper');
    const successor = derive('refresh successor');
    const field = derive('field');
    return {
      digestKey,
      field: createSecretKey(field),
      fieldId: fingerprint(field),
      pepper,
      id: fingerprint(pepper),
      successor: createSecretKey(successor),
      successorId: fingerprint(successor),
    };
  });
  const [current] = generations as [(typeof generations)[number]];

  const digestUnder = (generation: typeof current, purpose: DigestPurpose, text: string): string =>
    createHmac('sha256', generation.digestKey(purpose)).update(text).digest('base64url');

  return {
    digest: (purpose, text) => digestUnder(current, purpose, text),
    digests: (purpose, text) => generations.map((generation) => digestUnder(generation, purpose, text)),
    olderSeals: generations.slice(1).map(({ fieldId }) => fieldId),
    seal(context, text, nonce) {
      const keyId = current.fieldId;
      const cipher = createCipheriv('aes-256-gcm', current.field, nonce).setAAD(Buffer.from(`${keyId} ${context}`));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return [
        keyId,
        Buffer.from(nonce).toString('base64url'),
        sealed.toString('base64url'),
        cipher.getAuthTag().toString('base64url'),
      ].join('.');
    },
    open(context, sealed) {
      const [keyId = '', nonce = '', text = '', tag = ''] = sealed.split('.');
      const generation = generations.find(({ fieldId }) => fieldId === keyId);
      if (!generation)
        throw new Error(
          `a sealed value names key ${keyId}, which neither GUICHET_SECRET nor GUICHET_SECRET_PREVIOUS gives`,
        );
      const decipher = createDecipheriv('aes-256-gcm', generation.field, Buffer.from(nonce, 'base64url'), {
        // Node would take a tag cut to 4 bytes, which can be guessed.
        authTagLength: 16,
      })
        .setAAD(Buffer.from(`${keyId} ${context}`))
        .setAuthTag(Buffer.from(tag, 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(text, 'base64url')), decipher.final()]).toString('utf8');
    },
    successor(token, nonce, keyId) {
      const generation = keyId ? generations.find(({ successorId }) => successorId === keyId) : current;
      if (!generation) throw new Error(`refresh token key ${keyId} is no longer accepted`);
      const bytes = createHmac('sha256', generation.successor).update(`${token}.${nonce}`).digest();
      return { keyId: generation.successorId, bytes };
    },
    peppers: generations.map(({ id, pepper }) => ({ id, key: pepper })),
  };
}

/** Names a key without telling anything of it. */
function fingerprint(key: Buffer): string {
  return createHash('sha256').update('guichet key id').update(key).digest('hex').slice(0, 12);
}
