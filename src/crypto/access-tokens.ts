import type { KeyObject, webcrypto } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { importJWK, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Keyring } from '../core/keyring.ts';
import { type SigningKey, signingKeyContext } from '../core/signing-key.ts';
import type { Store } from '../core/store.ts';
import type { AccessClaims, AccessTokens, CheckedAccessToken, Clock, ContractName } from '../core/world.ts';
import type { TokenForm } from './access-token-forms.ts';

/** How long the set of keys is taken as known, so that a rotation elsewhere is seen within a second (rule 27). */
const KEYS_KNOWN_FOR = 1000;
/** A longer text is no token of ours, and is refused before any work (R089). */
const LONGEST_TOKEN = 2048;
const VERIFIED_TOKENS = 20_000;

/** What signs and verifies: a contract's own key pair, or the secret that it shares with others. */
interface Key {
  algorithm: 'ES256' | 'HS256';
  kid?: string;
  signer: webcrypto.CryptoKey | KeyObject;
  verifier: webcrypto.CryptoKey | KeyObject;
}

interface LoadedKey extends SigningKey, Key {
  algorithm: 'ES256';
  kid: string;
}

interface VerifiedToken {
  kid: string | undefined;
  contract: ContractName;
  token: CheckedAccessToken;
}

/** JWTs by ES256 on the keys of the store, or by HS256 on a shared secret: the form says which, never the token. */
export class JwtAccessTokens implements AccessTokens {
  readonly #clock: Clock;
  readonly #keyring: Keyring;
  readonly #forms: Partial<Record<ContractName, TokenForm>>;
  readonly #store: Pick<Store, 'signingKeys'>;
  /** Texts whose signature and marks held once; expiry is looked at each time. Places for all are taken with the first. */
  #verified: LRUCache<string, VerifiedToken> | undefined;
  #loaded = new Map<string, LoadedKey>();
  #keys: Promise<Map<string, LoadedKey>> | undefined;
  #loadedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: {
    clock: Clock;
    keyring: Keyring;
    store: Pick<Store, 'signingKeys'>;
    forms: Partial<Record<ContractName, TokenForm>>;
  }) {
    this.#clock = parts.clock;
    this.#keyring = parts.keyring;
    this.#forms = parts.forms;
    this.#store = parts.store;
  }

  async issue(contract: ContractName, claims: AccessClaims): Promise<string> {
    const form = this.#form(contract);
    const key = form.secret ? sharedKey(form.secret) : await this.#signing(contract);
    return new SignJWT(form.write(claims)).setProtectedHeader(headerOf(form, key)).sign(key.signer);
  }

  async check(contract: ContractName, token: string): Promise<CheckedAccessToken | undefined> {
    if (token.length > LONGEST_TOKEN) return undefined;
    const keys = await this.#current();
    let verified = this.#verified?.get(token);
    // A key that was taken away takes what it signed with it.
    if (!verified || (verified.kid !== undefined && !keys.has(verified.kid))) {
      verified = await this.#verify(contract, token, keys);
      if (!verified) return undefined;
      this.#verified ??= new LRUCache({ max: VERIFIED_TOKENS });
      this.#verified.set(token, verified);
    }
    return verified.contract === contract ? verified.token : undefined;
  }

  async publicKeys(): Promise<{ keys: object[] }> {
    const keys = [...(await this.#current()).values()];
    return {
      keys: keys.map(({ algorithm, kid, publicJwk }) => ({ ...publicJwk, alg: algorithm, kid, use: 'sig' })),
    };
  }

  async #signing(contract: ContractName): Promise<LoadedKey> {
    const now = this.#clock.now();
    let key: LoadedKey | undefined;
    for (const candidate of (await this.#current()).values()) {
      // The first one serves also when the clock was set back to before it was made.
      if (candidate.contract === contract && (!key || candidate.signsFrom <= now)) key = candidate;
    }
    if (!key) throw new Error(`the ${contract} contract has no signing key yet`);
    return key;
  }

  async #verify(
    contract: ContractName,
    text: string,
    keys: Map<string, LoadedKey>,
  ): Promise<VerifiedToken | undefined> {
    const form = this.#form(contract);
    if (!isCanonical(text)) return undefined;
    const keyFor = ({ kid = '' }: { kid?: string }): Key => {
      if (form.secret) return sharedKey(form.secret);
      const key = keys.get(kid);
      if (key?.contract !== contract) throw new Error('no such key');
      return key;
    };
    try {
      const { payload, protectedHeader } = await jwtVerify(text, (header) => keyFor(header).verifier, {
        algorithms: [form.secret ? 'HS256' : 'ES256'],
        // Expiry is compared at each use; here the signature and the marks are.
        currentDate: new Date(0),
      });
      const key = keyFor(protectedHeader);
      const token = isDeepStrictEqual(protectedHeader, headerOf(form, key)) ? form.read(payload) : undefined;
      return token && { kid: key.kid, contract, token };
    } catch {
      return undefined;
    }
  }

  #form(contract: ContractName): TokenForm {
    const form = this.#forms[contract];
    if (!form) throw new Error(`the ${contract} contract has no access tokens`);
    return form;
  }

  #current(): Map<string, LoadedKey> | Promise<Map<string, LoadedKey>> {
    // A clock that was set back must not keep a set of keys for an hour.
    if (Math.abs(this.#clock.now() - this.#loadedAt) < KEYS_KNOWN_FOR) return this.#loaded;
    this.#keys ??= this.#load().finally(() => {
      this.#keys = undefined;
    });
    return this.#keys;
  }

  async #load(): Promise<Map<string, LoadedKey>> {
    const now = this.#clock.now();
    const rows = await this.#store.signingKeys.list();
    const live = rows.filter(({ verifiesUntil }) => verifiesUntil === null || verifiesUntil > now);
    const loaded = await Promise.all(live.map((row) => this.#loaded.get(row.kid) ?? this.#import(row)));
    this.#loaded = new Map(live.map((row, index) => [row.kid, { ...(loaded[index] as LoadedKey), ...row }]));
    this.#loadedAt = now;
    return this.#loaded;
  }

  async #import(row: SigningKey): Promise<LoadedKey> {
    const privateJwk = this.#keyring.open(signingKeyContext(row.kid), row.sealedPrivateJwk);
    const signer = (await importJWK(JSON.parse(privateJwk), row.algorithm)) as webcrypto.CryptoKey;
    const verifier = (await importJWK(row.publicJwk, row.algorithm)) as webcrypto.CryptoKey;
    return { ...row, signer, verifier };
  }
}

/** One token is one text: base64url leaves bits over, in which the same bytes could be spelled otherwise. */
const isCanonical = (token: string): boolean =>
  token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);

const sharedKey = (secret: KeyObject): Key => ({ algorithm: 'HS256', signer: secret, verifier: secret });

const headerOf = ({ type }: TokenForm, { algorithm, kid }: Key) => ({
  alg: algorithm,
  ...(kid !== undefined && { kid }),
  typ: type,
});
