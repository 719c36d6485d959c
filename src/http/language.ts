import type { FastifyRequest } from 'fastify';
import type { Locale } from '../core/account.ts';
import type { AnyContract } from './contract.ts';

/** A longer header is no browser's. */
const LONGEST = 500;

/**
 * The language a request asks for, of those there are: the most wanted one, `en-GB` counting as `en`.
 * `*` and what we do not speak give the fallback (rule 34; RFC 9110 §12.5.4).
 */
export function languageOf(header: string | undefined, fallback: Locale): Locale {
  if (!header || header.length > LONGEST) return fallback;
  const wanted = header
    .split(',')
    .map((item, index) => {
      const [tag = '', ...parameters] = item
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/);
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
      return { language: tag.split('-')[0], weight: Number(quality) || 0, index };
    })
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight || one.index - other.index);
  for (const { language } of wanted) {
    if (language === 'en' || language === 'fr') return language;
  }
  return fallback;
}

/** What was settled on for a request, once it is known who asks. */
const settled = new WeakMap<FastifyRequest, Locale>();

/** Has the answer to a request speak a language whatever the request's headers ask for. */
export const speakIn = (request: FastifyRequest, locale: Locale): void => void settled.set(request, locale);

/** The language in which a request is answered. */
export const spokenIn = (request: FastifyRequest, { defaultLocale }: Pick<AnyContract, 'defaultLocale'>): Locale =>
  settled.get(request) ?? languageOf(request.headers['accept-language'], defaultLocale);
