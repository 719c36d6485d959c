// The limit for a sign-in: comparing passwords with the same parameters, and nothing else.
import { hash, verify } from '@node-rs/argon2';
import { ARGON2_PARAMETERS } from '../src/crypto/password-hasher.ts';
import { repeatOnDemand } from './bare-work.ts';

const secret = Buffer.alloc(32, 7);
const stored = await hash('correct horse battery staple', { ...ARGON2_PARAMETERS, secret });
repeatOnDemand(async () => {
  if (!(await verify(stored, 'correct horse battery staple', { secret }))) throw new Error('the hash does not match');
});
