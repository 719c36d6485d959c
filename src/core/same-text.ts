import { timingSafeEqual } from 'node:crypto';

/** Whether two texts are one, in a time that tells nothing of where they differ (ASVS 5.0: 11.2.4). */
export function isSameText(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
