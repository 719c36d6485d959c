import { parentPort } from 'node:worker_threads';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import { isCommon } from './common-passwords.ts';

export interface Question {
  id: number;
  password: string;
  personal: readonly string[];
}

export interface Answer {
  id: number;
  flaw: 'common' | 'guessable' | undefined;
}

/** Guesses below 10^6: what an attacker with the hash table of one account makes in seconds. */
const LOWEST_SCORE = 2;
/** The estimate's time grows with the square of the length: of a longer password its two ends are looked at. */
const ESTIMATED = 64;

const estimator = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });

function flawOf({ password, personal }: Question): Answer['flaw'] {
  if (isCommon(password)) return 'common';
  const letters = [...password];
  const parts = letters.length > ESTIMATED ? [letters.slice(0, ESTIMATED), letters.slice(-ESTIMATED)] : [letters];
  const isGuessable = parts.every((part) => estimator.check(part.join(''), [...personal]).score < LOWEST_SCORE);
  return isGuessable ? 'guessable' : undefined;
}

parentPort?.on('message', (question: Question) => {
  parentPort?.postMessage({ id: question.id, flaw: flawOf(question) } satisfies Answer);
});
