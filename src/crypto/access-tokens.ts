import type { webcrypto } from 'node:crypto';
import { importJWK, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Keyring } from '../core/keyring.ts';
import type { SessionId } from '../core/session.ts';
import { type SigningKey, signingKeyContext } from '../core/signing-key.ts';
import type { AccessClaims, AccessTokens, Clock, ContractName, Store } from '../core/world.ts';

/** How long the set of keys is taken as known, so that a rotation elsewhere is seen within a second (rule 27). */
const KEYS_KNOWN_FOR = 1000;
/** A longer text is no token of ours, and is refused before any work (R089). */
const LONGEST_TOKEN = 2048;
const VERIFIED_TOKENS = 20_000;

/** How one contract's tokens are marked, so that none passes for another's (RFC 8725 §3.11). */
export interface TokenForm {
  type: string;
  issuer: string;
  audience: string;
}

interface LoadedKey extends SigningKey {
  signer: webcrypto.CryptoKey;
  verifier: webcrypto.CryptoKey;
}

/** ES256 tokens on the keys of the store (RFC 7518 §3.4, RFC 9068). */
export class Es256AccessTokens implements AccessTokens {
  readonly #clock: Clock;
  readonly #keyring: Keyring;
  readonly #forms: Partial<Record<ContractName, TokenForm>>;
  readonly #store: Pick<Store, 'signingKeys'>;
  /** Texts whose signature and marks held once; expiry is looked at each time. */
  readonly #verified = new LRUCache<string, { kid: string; contract: ContractName; claims: AccessClaims }>({
    max: VERIFIED_TOKENS,
  });
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
    const now = this.#clock.now();
    let key: LoadedKey | undefined;
    for (const candidate of (await this.#current()).values()) {
      // The first one serves also when the clock was set back to before it was made.
      if (candidate.contract === contract && (!key || candidate.signsFrom <= now)) key = candidate;
    }
    if (!key) throw new Error(`the ${contract} contract has no signing key yet`);
    return new SignJWT({ sid: claims.sessionId, role: claims.role })
      .setProtectedHeader({ alg: key.algorithm, kid: key.kid, typ: form.type })
      .setSubject(claims.subject)
      .setJti(claims.tokenId)
      .setIssuedAt(inSeconds(claims.issuedAt))
      .setExpirationTime(inSeconds(claims.expiresAt))
      .setIssuer(form.issuer)
      .setAudience(form.audience)
      .sign(key.signer);
  }

  async check(
    contract: ContractName,
    token: string,
    allow: { expired: boolean } = { expired: false },
  ): Promise<AccessClaims | undefined> {
    if (token.length > LONGEST_TOKEN) return undefined;
    const keys = await this.#current();
    let verified = this.#verified.get(token);
    // A key that was taken away takes what it signed with it.
    if (!verified || !keys.has(verified.kid)) {
      verified = await this.#verify(contract, token, keys);
      if (!verified) return undefined;
      this.#verified.set(token, verified);
    }
    if (verified.contract !== contract) return undefined;
    return allow.expired || verified.claims.expiresAt > this.#clock.now() ? verified.claims : undefined;
  }

  async publicKeys(): Promise<{ keys: object[] }> {
    const keys = [...(await this.#current()).values()];
    return {
      keys: keys.map(({ algorithm, kid, publicJwk }) => ({ ...publicJwk, alg: algorithm, kid, use: 'sig' })),
    };
  }

  async #verify(contract: ContractName, token: string, keys: Map<string, LoadedKey>) {
    const form = this.#form(contract);
    if (!isCanonical(token)) return undefined;
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        ({ kid, alg }) => {
          const key = kid ? keys.get(kid) : undefined;
          if (key?.contract !== contract || key.algorithm !== alg) throw new Error('no such key');
          return key.verifier;
        },
        {
          algorithms: ['ES256'],
          audience: form.audience,
          issuer: form.issuer,
          requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp', 'role'],
          typ: form.type,
          // Expiry is compared at each use; here the signature and the marks are.
          currentDate: new Date(0),
        },
      );
      return { kid: protectedHeader.kid ?? '', contract, claims: claimsFrom(payload) };
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

function claimsFrom(payload: Record<string, unknown>): AccessClaims {
  const { sub, sid, jti, role, iat, exp, aud } = payload;
  // A list that names others too is no token that was issued here.
  if (typeof aud !== 'string') throw new Error('the audience is a list');
  if (typeof sub !== 'string' || typeof sid !== 'string' || typeof jti !== 'string' || typeof role !== 'string') {
    throw new Error('a claim has another type');
  }
  return {
    subject: sub,
    sessionId: sid as SessionId,
    tokenId: jti,
    role,
    issuedAt: Number(iat) * 1000,
    expiresAt: Number(exp) * 1000,
  };
}

const inSeconds = (instant: number): number => Math.floor(instant / 1000);
