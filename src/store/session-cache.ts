import { LRUCache } from 'lru-cache';
import type { AccountId } from '../core/account.ts';
import type { LiveSession } from '../core/session.ts';

/** Oldest a session may be for an answer that changes nothing (rule 28). */
const MAX_AGE_MILLISECONDS = 1000;

interface Entry {
  live: LiveSession;
  /** Taken before the read began, so that a change which overtakes the read is noticed. */
  turn: number;
  readAt: number;
}

/**
 * Sessions looked up within the last second. A change made by this process is seen at once: an entry
 * read before its account last changed is not used. "Unknown" is never kept.
 */
export class SessionCache {
  /** By what a request names the session with: its id, or its token's digest. */
  #entries: LRUCache<string, Entry> | undefined;
  /** When each account last changed, for as long as an entry from before could still be young enough. */
  #changed = new Map<AccountId, number>();
  #changedBefore = new Map<AccountId, number>();
  #turned = 0;
  #turn = 0;
  readonly #now: () => number;
  readonly #max: number;

  /** @param now a clock that never goes back, in milliseconds */
  constructor(now: () => number = () => performance.now(), max = 50_000) {
    this.#now = now;
    this.#max = max;
  }

  /** To be called when a transaction that changed these accounts has been committed. */
  forget(accounts: Iterable<AccountId>): void {
    for (const account of accounts) {
      this.#turn += 1;
      this.#changed.set(account, this.#turn);
    }
    // Two generations, each kept for longer than an entry lives.
    if (this.#now() - this.#turned > 2 * MAX_AGE_MILLISECONDS) {
      this.#changedBefore = this.#changed;
      this.#changed = new Map();
      this.#turned = this.#now();
    }
  }

  async look(name: string, read: () => Promise<LiveSession | undefined>): Promise<LiveSession | undefined> {
    const entry = this.#entries?.get(name);
    if (entry && this.#now() - entry.readAt < MAX_AGE_MILLISECONDS && !this.#overtaken(entry)) return entry.live;
    const turn = this.#turn;
    const readAt = this.#now();
    const live = await read();
    if (live) this.#kept().set(name, { live, turn, readAt });
    else this.#entries?.delete(name);
    return live;
  }

  /** Places for all entries are taken at once: not before there is one. */
  #kept(): LRUCache<string, Entry> {
    this.#entries ??= new LRUCache({ max: this.#max });
    return this.#entries;
  }

  #overtaken({ live, turn }: Entry): boolean {
    const { id } = live.account;
    return (this.#changed.get(id) ?? this.#changedBefore.get(id) ?? 0) > turn;
  }
}
