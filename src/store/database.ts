import type { CompiledQuery, Kysely } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { AuditEvent } from '../core/audit.ts';
import type { Database } from './schema.ts';

/** What one transaction changed, for those in this process who keep copies or wait for work. */
export interface Effects {
  /** Accounts whose row, identifiers or sessions changed. */
  accounts: Set<AccountId>;
  /** Whether a message was added. */
  outbox: boolean;
  /** What was recorded. */
  events: AuditEvent[];
}

/** A transaction that has changed nothing yet. */
export const noEffects = (): Effects => ({ accounts: new Set(), outbox: false, events: [] });

/** One open database, SQLite or PostgreSQL. */
export interface DatabaseHandle {
  kind: 'sqlite' | 'postgres';
  /** Reads what is committed. Nothing is written through it. */
  read: Kysely<Database>;
  /**
   * A read that is asked all the time: prepared once, and run without the layers between.
   *
   * @param name the same statement's, on every connection
   */
  prepare<Row>(name: string, query: CompiledQuery<Row>): (parameters: readonly unknown[]) => Promise<Row[]>;
  /** The only way to write. `work` awaits nothing but `db`, and may run twice (PostgreSQL, deadlock). */
  transaction<T>(work: (db: Kysely<Database>, effects: Effects) => Promise<T>): Promise<T>;
  /** Calls `listener` after each commit, before the transaction's promise resolves. */
  onCommit(listener: (effects: Effects) => void): void;
  /** Brings the tables up to this version, under a lock. @returns the names of the migrations applied */
  migrate(): Promise<string[]>;
  /** Whether an error of a read means that the database cannot answer now. */
  isUnavailable(error: unknown): boolean;
  /** @throws {StoreUnavailable} */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The database cannot answer now: not there, locked by another process for too long, or full. Retrying later may help. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}
