import { createSecretKey, type KeyObject } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { SessionId } from '../core/session.ts';
import type { AccessClaims, CheckedAccessToken } from '../core/world.ts';

/** How one contract's tokens are written and read, so that none passes for another's (RFC 8725 §3.11). */
export interface TokenForm {
  /** The header's `typ`. */
  type: string;
  /** Signs with HS256 instead of the contract's own ES256 keys. */
  secret?: KeyObject;
  write(claims: AccessClaims): Record<string, unknown>;
  /** @returns `undefined` unless the claims are those that `write` gives, each of its type, and no others */
  read(claims: unknown): CheckedAccessToken | undefined;
}

interface Names {
  issuer: string;
  audience: string;
}

const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });
/** Seconds since the Unix epoch (RFC 7519 §2, NumericDate), without a fraction. */
const Seconds = Type.Integer({ minimum: 0 });

/** The cookie contract's tokens, in the profile of RFC 9068. */
export function cookieForm({ issuer, audience }: Names): TokenForm {
  const Claims = Type.Object(
    {
      sub: Type.String(),
      sid: Uuid,
      role: Type.String(),
      iat: Seconds,
      exp: Seconds,
      iss: Type.Literal(issuer),
      aud: Type.Literal(audience),
      jti: Uuid,
    },
    { additionalProperties: false },
  );
  return {
    type: 'at+jwt',
    write: ({ account, sessionId, tokenId, issuedAt, expiresAt }): Static<typeof Claims> => ({
      sub: account.uuid,
      sid: sessionId,
      role: account.role,
      iat: inSeconds(issuedAt),
      exp: inSeconds(expiresAt),
      iss: issuer,
      aud: audience,
      jti: tokenId,
    }),
    read(claims) {
      if (!Value.Check(Claims, claims)) return undefined;
      return {
        sessionId: claims.sid as SessionId,
        tokenId: claims.jti,
        account: claims.sub,
        expiresAt: claims.exp * 1000,
      };
    },
  };
}

/** The device contract's tokens, claim by claim as its document shows them, and `iat`. */
export function deviceForm({ issuer, audience, secret }: Names & { secret?: string | undefined }): TokenForm {
  const Claims = Type.Object(
    {
      account_id: Type.Integer(),
      device_id: Type.Integer(),
      session_uuid: Uuid,
      iat: Seconds,
      exp: Seconds,
      iss: Type.Literal(issuer),
      aud: Type.Literal(audience),
      jti: Uuid,
    },
    { additionalProperties: false },
  );
  return {
    type: 'JWT',
    ...(secret !== undefined && { secret: createSecretKey(secret, 'utf8') }),
    write({ account, sessionId, deviceId, tokenId, issuedAt, expiresAt }): Static<typeof Claims> {
      if (deviceId === null) throw new Error('a session of the device contract has no device');
      return {
        account_id: account.id,
        device_id: deviceId,
        session_uuid: sessionId,
        iat: inSeconds(issuedAt),
        exp: inSeconds(expiresAt),
        iss: issuer,
        aud: audience,
        jti: tokenId,
      };
    },
    read(claims) {
      if (!Value.Check(Claims, claims)) return undefined;
      return {
        sessionId: claims.session_uuid as SessionId,
        tokenId: claims.jti,
        account: String(claims.account_id),
        expiresAt: claims.exp * 1000,
      };
    },
  };
}

const inSeconds = (instant: number): number => Math.floor(instant / 1000);
