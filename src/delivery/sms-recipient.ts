import { DeliveryFailure, type RenderedMessage } from './delivery.ts';

/** ITU-T E.164 §6.2: 15 digits at most. */
const E164 = /^\+[1-9]\d{6,14}$/;

/**
 * What is no number never reaches a provider, who might read it as a list or as a name of their own (R144).
 *
 * @throws {DeliveryFailure} for good
 */
export function refuseUnsafe({ to }: RenderedMessage): void {
  if (!E164.test(to)) throw new DeliveryFailure('the recipient is not a canonical phone number', { permanent: true });
}
