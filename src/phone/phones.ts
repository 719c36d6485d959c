import { createRequire } from 'node:module';
import type { CountryCode, MetadataJson, PhoneNumber } from 'libphonenumber-js/core';

export interface PhoneNumbers {
  /**
   * The one form in which a number is compared, stored, shown and sent to: E.164 (rule 6).
   *
   * @returns `undefined` if no country has such numbers, it has an extension or letters, or is longer than any spelling
   */
  canonical(text: string): string | undefined;
  /** ISO 3166-1 alpha-2; `undefined` for numbers of no country, such as satellite ones. */
  countryOf(e164: string): string | undefined;
  /** Whether an SMS may go there (rule 22): a number of mobiles, in a country that the settings list. */
  maySend(e164: string): boolean;
  /** What may be shown to somebody who only claims to own it: `+33 *** 78`. */
  masked(e164: string): string;
}

/** Longest text that is looked at: 15 digits (E.164) with their separators fit, and the search stays short (R147). */
const LONGEST = 40;

// Spaces and hyphens of any width, dots, parentheses, slashes; and the marks of reading direction that come along
// when a number is copied from an address book.
const SEPARATORS = /[\s.·‐-―−－．（）()/／-]|[\u00AD\u200B-\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/g;
/** Zeros of the digits that telephones write: Arabic-Indic, Eastern Arabic-Indic, full-width. */
const ZEROS = [0x660, 0x6f0, 0xff10];
const OTHER_DIGITS = /[\u0660-\u0669\u06F0-\u06F9\uFF10-\uFF19]/g;
const DIGITS = /^\+?\d{4,20}$/;

/** `undefined` is a range that was given out after the metadata was made. */
const TAKES_SMS: ReadonlySet<string | undefined> = new Set(['MOBILE', 'FIXED_LINE_OR_MOBILE', undefined]);

/**
 * Reads telephone numbers as people write them, by libphonenumber's metadata.
 *
 * Two sets of it: the smallest knows each country's form of a number, and is asked who may be found by one; the largest
 * knows the ranges given out so far, and is asked where an SMS may go, since toll fraud wants us to write to premium
 * lines. As a test of identity the ranges would shut out each new one until the next release: whole blocks of
 * French mobiles began in the last years.
 *
 * @param settings.region whose national spelling a number without a country's prefix has
 * @param settings.countries where SMS may go
 * @see ITU-T E.164; R118
 */
export function phoneNumbers(settings: { region: string; countries: readonly string[] }): PhoneNumbers {
  const region = settings.region as CountryCode;
  const countries = new Set<string | undefined>(settings.countries);
  const wellFormed = (text: string): PhoneNumber | undefined => {
    const number = parse(text, 'min', region);
    return number?.isValid() && !number.ext ? number : undefined;
  };

  const canonical = (text: string): string | undefined => {
    if (text.length > LONGEST) return undefined;
    const digits = text.replace(SEPARATORS, '').replace('＋', '+').replace(OTHER_DIGITS, asciiDigit);
    if (!DIGITS.test(digits)) return undefined;
    // `00` first means `+`, also where the region itself dials another prefix.
    const abroad = digits.startsWith('00') ? wellFormed(`+${digits.slice(2)}`) : undefined;
    return (abroad ?? wellFormed(digits))?.number;
  };

  return {
    canonical,
    countryOf: (e164) => parse(e164, 'max')?.country,
    maySend(e164) {
      const number = canonical(e164) === e164 ? parse(e164, 'max') : undefined;
      return number?.country !== undefined && countries.has(number.country) && TAKES_SMS.has(number.getType());
    },
    masked(e164) {
      const number = parse(e164, 'max');
      return number ? `+${number.countryCallingCode} *** ${e164.slice(-2)}` : '***';
    },
  };
}

function asciiDigit(digit: string): string {
  const code = digit.charCodeAt(0);
  return String(code - (ZEROS.findLast((zero) => zero <= code) ?? code));
}

type Library = Record<'min' | 'max', MetadataJson> &
  Pick<typeof import('libphonenumber-js/core'), 'parsePhoneNumberFromString'>;

function parse(text: string, metadata: 'min' | 'max', defaultCountry?: CountryCode): PhoneNumber | undefined {
  const { parsePhoneNumberFromString, [metadata]: known } = library();
  return parsePhoneNumberFromString(text, { ...(defaultCountry && { defaultCountry }), extract: false }, known);
}

// Loaded with the first number, and as CommonJS: 2 MB of heap and 13 MB of memory (18 MB as the hundreds of modules that
// it also comes in), some 60 ms, and nothing for a service that knows only e-mail addresses.
let loaded: Library | undefined;
function library(): Library {
  const require = createRequire(import.meta.url);
  loaded ??= {
    ...(require('libphonenumber-js/core') as typeof import('libphonenumber-js/core')),
    min: require('libphonenumber-js/min/metadata') as MetadataJson,
    max: require('libphonenumber-js/max/metadata') as MetadataJson,
  };
  return loaded;
}
