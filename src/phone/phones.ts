import { createRequire } from 'node:module';
import type { CountryCode, PhoneNumber } from 'libphonenumber-js/max';

export interface PhoneNumbers {
  /**
   * The one form in which a number is compared, stored, shown and sent to: E.164 (rule 6).
   *
   * @returns `undefined` if it is no number in use, has an extension or letters, or is longer than any spelling of one
   */
  canonical(text: string): string | undefined;
  /** ISO 3166-1 alpha-2; `undefined` for numbers of no country, such as satellite ones. */
  countryOf(e164: string): string | undefined;
  /** Whether an SMS may go there (rule 22): a number of mobiles, in a country that the settings list. */
  maySend(e164: string): boolean;
  /** What may be shown to somebody who only claims to own it: `+33 *** 78`. */
  masked(e164: string): string;
}

/** Longest text that is looked at: any spelling of 15 digits, and nothing to search through for long. */
const LONGEST = 40;

// Spaces and hyphens of any width, dots, parentheses, slashes; and the marks of reading direction that come along
// when a number is copied from an address book.
const SEPARATORS = /[\s.·‐-―−－．（）()/／-]|[\u00AD\u200B-\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/g;
/** Zeros of the digits that telephones write: Arabic-Indic, Eastern Arabic-Indic, full-width. */
const ZEROS = [0x660, 0x6f0, 0xff10];
const OTHER_DIGITS = /[\u0660-\u0669\u06F0-\u06F9\uFF10-\uFF19]/g;
const DIGITS = /^\+?\d{4,20}$/;

const MOBILE: ReadonlySet<string | undefined> = new Set(['MOBILE', 'FIXED_LINE_OR_MOBILE']);

/**
 * Reads telephone numbers as people write them, by libphonenumber's metadata.
 *
 * The largest metadata, since the smaller ones check little but lengths (`min`), or know only mobiles (`mobile`), and
 * none but it tells a mobile from a premium line, which is what toll fraud asks us to send to.
 *
 * @param settings.region whose national spelling a number without a country's prefix has
 * @param settings.countries where SMS may go
 * @see ITU-T E.164; R118
 */
export function phoneNumbers(settings: { region: string; countries: readonly string[] }): PhoneNumbers {
  const region = settings.region as CountryCode;
  const countries = new Set<string | undefined>(settings.countries);

  return {
    canonical(text) {
      if (text.length > LONGEST) return undefined;
      const digits = text.replace(SEPARATORS, '').replace('＋', '+').replace(OTHER_DIGITS, asciiDigit);
      if (!DIGITS.test(digits)) return undefined;
      // `00` also where the region dials another prefix: nobody's national numbers begin with it.
      const number = parsed(digits, region) ?? (digits.startsWith('00') ? parsed(`+${digits.slice(2)}`) : undefined);
      return number?.number;
    },
    countryOf: (e164) => parsed(e164)?.country,
    maySend(e164) {
      const number = parsed(e164);
      return number?.country !== undefined && countries.has(number.country) && MOBILE.has(number.getType());
    },
    masked(e164) {
      const number = parsed(e164);
      return number ? `+${number.countryCallingCode} *** ${e164.slice(-2)}` : '***';
    },
  };
}

function asciiDigit(digit: string): string {
  const code = digit.charCodeAt(0);
  return String(code - (ZEROS.findLast((zero) => zero <= code) ?? code));
}

/** @returns a number that is in use, whole */
function parsed(text: string, region?: CountryCode): PhoneNumber | undefined {
  const number = library().parsePhoneNumberFromString(text, {
    ...(region && { defaultCountry: region }),
    extract: false,
  });
  return number?.isValid() && !number.ext ? number : undefined;
}

// Loaded with the first number, and as one CommonJS graph: 2 MB of heap and 13 MB of memory (18 MB as modules, of
// which there are hundreds), 60 ms, and nothing for a service that knows only e-mail addresses.
let loaded: typeof import('libphonenumber-js/max') | undefined;
function library(): typeof import('libphonenumber-js/max') {
  loaded ??= createRequire(import.meta.url)('libphonenumber-js/max') as typeof import('libphonenumber-js/max');
  return loaded;
}
