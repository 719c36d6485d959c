import { days, hours, type Instant } from './time.ts';
import type { ContractName } from './world.ts';

/** How long a session lives, in milliseconds: since its last use, and since the sign-in however much it is used. */
const LIFETIMES = {
  device: { idle: days(7), absolute: days(30) },
  cookie: { idle: days(7), absolute: days(30) },
  bearer: { idle: days(7), absolute: days(30) },
  sanctum: { idle: hours(2), absolute: days(30) },
} as const satisfies Partial<Record<ContractName, { idle: number; absolute: number }>>;

/** Contracts that open sessions. */
export type SessionContract = keyof typeof LIFETIMES;

/** When a session ends that is used now. */
export function sessionEnd(contract: SessionContract, createdAt: Instant, usedAt: Instant): Instant {
  const { absolute, idle } = LIFETIMES[contract];
  return Math.min(usedAt + idle, createdAt + absolute);
}

/** How long a session lives unused, in milliseconds. */
export const idleTime = (contract: SessionContract): number => LIFETIMES[contract].idle;

/** When a session ends whatever is done with it. */
export const absoluteEnd = (contract: SessionContract, createdAt: Instant): Instant =>
  createdAt + LIFETIMES[contract].absolute;
