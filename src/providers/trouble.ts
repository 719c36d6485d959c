import { Unreachable, Unsound } from '../outbound/trouble.ts';

/** Finds out whether a provider could not be asked: openid-client wraps what its fetch throws. */
export function unreachableIn(error: unknown): Unreachable | undefined {
  if (error instanceof Unreachable) return error;
  return error instanceof Error && error.cause !== undefined ? unreachableIn(error.cause) : undefined;
}

/**
 * Why something failed, in a word that may be logged. The texts and causes of these errors hold what the provider
 * answered, tokens and all (R105).
 */
export function reasonOf(error: unknown): string {
  if (error instanceof Unreachable) return error.reason;
  if (error instanceof Unsound) return error.message;
  const { code, error: said, name } = error as { code?: unknown; error?: unknown; name?: unknown };
  // What the provider says is wrong: one of a few registered words (RFC 6749 §5.2), or nothing that is worth a line.
  if (typeof said === 'string' && /^[a-z_]{1,40}$/.test(said)) return said;
  return String(code ?? name ?? 'unknown');
}
