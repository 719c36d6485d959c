import type { CredentialName, PasskeyCeremonies } from '../core/passkey.ts';
import { readAttestation } from './attestation.ts';
import { readAuthenticatorData } from './authenticator-data.ts';
import { readWholeMap } from './cbor.ts';
import { checkSignatureForm, SIGNATURE_ALGORITHMS } from './cose-key.ts';
import { type ClientData, knownTransports, readAnswer, readAssertion, readRegistration } from './passkey-answer.ts';

/** How long a browser waits for somebody: as long as a challenge is good for (rule 29). */
const TIMEOUT_MILLISECONDS = 5 * 60 * 1000;

/** Loaded at the first ceremony: it is some twenty megabytes, which an idle server does without. */
const library = () => import('@simplewebauthn/server');

/**
 * The WebAuthn ceremonies through SimpleWebAuthn, and beside it what it lets pass.
 *
 * @see WebAuthn Level 3: 7.1, 7.2
 */
export function passkeyCeremonies(party: {
  relyingPartyId: string;
  /** As authenticators show it. */
  relyingPartyName: string;
  /** Whether a ceremony may take place on an origin; it takes the exact form that browsers send. */
  isAllowedOrigin(origin: string): boolean;
}): PasskeyCeremonies {
  /** Which page asked (WebAuthn §7.1 steps 9 to 11, §7.2 steps 12 to 14); framed by another site it is not asked for here. */
  const isOurs = ({ origin, crossOrigin, topOrigin }: ClientData): boolean =>
    party.isAllowedOrigin(origin) && (crossOrigin === undefined || crossOrigin === false) && topOrigin === undefined;

  const expected = (challenge: Uint8Array, { origin }: ClientData) => ({
    expectedChallenge: inBase64url(challenge),
    expectedOrigin: origin,
    expectedRPID: party.relyingPartyId,
  });

  return {
    relyingPartyId: party.relyingPartyId,

    async registrationOptions({ challenge, user, exclude }) {
      const { generateRegistrationOptions } = await library();
      return generateRegistrationOptions({
        rpName: party.relyingPartyName,
        rpID: party.relyingPartyId,
        userID: fromBase64url(user.handle),
        userName: user.name,
        userDisplayName: user.displayName,
        challenge: Uint8Array.from(challenge),
        timeout: TIMEOUT_MILLISECONDS,
        attestationType: 'none',
        excludeCredentials: exclude.map(named),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        supportedAlgorithmIDs: SIGNATURE_ALGORITHMS,
      });
    },

    async assertionOptions({ challenge, allow, userVerification }) {
      const { generateAuthenticationOptions } = await library();
      return generateAuthenticationOptions({
        rpID: party.relyingPartyId,
        challenge: Uint8Array.from(challenge),
        timeout: TIMEOUT_MILLISECONDS,
        allowCredentials: allow.map(named),
        userVerification,
      });
    },

    read(response) {
      const answer = readAnswer(response);
      return (
        answer && {
          credentialId: answer.id,
          challenge: fromBase64url(answer.clientData.challenge),
          userHandle: answer.response.userHandle ?? null,
        }
      );
    },

    async verifyRegistration(response, challenge) {
      const { verifyRegistrationResponse } = await library();
      return unlessThrown(async () => {
        const answer = readRegistration(response);
        if (!answer || !isOurs(answer.clientData)) return undefined;
        const attested = readAttestation(fromBase64url(answer.response.attestationObject));
        if (inBase64url(attested.credentialId) !== answer.id) return undefined;

        const { verified, registrationInfo } = await verifyRegistrationResponse({
          response: { ...answer, clientExtensionResults: {} },
          ...expected(challenge, answer.clientData),
          requireUserVerification: true,
          supportedAlgorithmIDs: SIGNATURE_ALGORITHMS,
        });
        if (!verified) return undefined;
        const { aaguid, credential, credentialBackedUp, credentialDeviceType } = registrationInfo;
        // What was checked here and what is kept are one key.
        if (Buffer.compare(credential.publicKey, attested.publicKey) !== 0) return undefined;
        return {
          credentialId: credential.id,
          publicKey: inBase64url(credential.publicKey),
          counter: credential.counter,
          transports: knownTransports(answer.response.transports),
          aaguid,
          backupEligible: credentialDeviceType === 'multiDevice',
          backedUp: credentialBackedUp,
        };
      });
    },

    async verifyAssertion(response, { challenge, credential, userVerification }) {
      const { verifyAuthenticationResponse } = await library();
      const right = await unlessThrown(async () => {
        const answer = readAssertion(response);
        if (answer?.id !== credential.credentialId || !isOurs(answer.clientData)) return undefined;
        const publicKey = fromBase64url(credential.publicKey);
        readAuthenticatorData(fromBase64url(answer.response.authenticatorData));
        checkSignatureForm(readWholeMap(publicKey), fromBase64url(answer.response.signature));

        const { verified, authenticationInfo } = await verifyAuthenticationResponse({
          response: { ...answer, clientExtensionResults: {} },
          ...expected(challenge, answer.clientData),
          // SimpleWebAuthn looks at the counter before the signature. Against 0 it finds nothing to refuse, so that a
          // counter that has not grown is known to be the authenticator's own word.
          credential: { id: credential.credentialId, publicKey, counter: 0 },
          requireUserVerification: userVerification === 'required',
        });
        const backupEligible = authenticationInfo.credentialDeviceType === 'multiDevice';
        return verified && backupEligible === credential.backupEligible ? authenticationInfo : undefined;
      });
      if (!right) return { outcome: 'wrong' };
      const { newCounter: counter, userVerified, credentialBackedUp: backedUp } = right;
      // WebAuthn §6.1.1: an authenticator that counts nothing always says 0.
      const counts = counter > 0 || credential.counter > 0;
      if (counts && counter <= credential.counter) return { outcome: 'counter_regressed' };
      return { outcome: 'right', counter, userVerified, backedUp };
    },
  };
}

/** What is wrong with an answer is told to nobody, so each way of saying it is as good. */
async function unlessThrown<Result>(verify: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await verify();
  } catch {
    return undefined;
  }
}

const named = ({ credentialId, transports }: CredentialName) => ({ id: credentialId, transports: [...transports] });
const inBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const fromBase64url = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, 'base64url'));
