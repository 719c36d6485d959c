import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import examples from 'libphonenumber-js/examples.mobile.json';
import { type CountryCode, getCountries, getExampleNumber } from 'libphonenumber-js/max';
import { phoneCountries } from '../../src/phone/countries.ts';
import { phoneNumbers } from '../../src/phone/phones.ts';

const phones = phoneNumbers({ region: 'FR', countries: ['FR', 'BE', 'US'] });

const SPELLINGS = [
  '0612345678',
  '06 12 34 56 78',
  '06.12.34.56.78',
  '06-12-34-56-78',
  '+33612345678',
  '+33 6 12 34 56 78',
  '+33 (0)6 12 34 56 78',
  '(+33) 6-12-34-56-78',
  '0033612345678',
  '00 33 (0) 6 12 34 56 78',
  '33612345678',
  ' 06\u00A012\u202F34\u00A056\u202F78 ',
  '０６１２３４５６７８',
  '＋３３　６（１２）３４．５６－７８',
  '٠٦١٢٣٤٥٦٧٨',
  '+۳۳ ۶ ۱۲ ۳۴ ۵۶ ۷۸',
  '\u202A+33 6 12 34 56 78\u202C',
  '06‑12–34—56−78',
  '06/12/34/56/78',
];

const WRONG = [
  '',
  ' ',
  '+',
  '112',
  '3611',
  '15',
  '061234567',
  '06123456789',
  '+33 6 12 34 56 7',
  '+33 6 12 34 56 789',
  '0000000000',
  '+33000000000',
  '++33612345678',
  '+33+612345678',
  '06+12345678',
  '0612345678+',
  '0612345678 ext 12',
  '0612345678 x12',
  '0612345678;ext=12',
  '0612345678 poste 12',
  '0612345678,,12',
  '0612345678#12',
  '0612345678*',
  'tel:+33612345678',
  '0-800-FLOWERS',
  '06 O1 23 45 67',
  '0612345678\0',
  '+999 12 34 56 78 90',
  '+1 555 123',
  'ada@example.com',
  '٠٦١٢٣٤٥٦٧٨a',
  '०६१२३४५६७८',
  '⁰⁶¹²³⁴⁵⁶⁷⁸',
  `06123456${' '.repeat(40)}78`,
  '0'.repeat(1_000_000),
];

describe('a phone number', () => {
  it('is one, however it is spelt', () => {
    for (const spelling of SPELLINGS) assert.equal(phones.canonical(spelling), '+33612345678', spelling);
  });

  it('is none when it is too short or long, has an extension, letters, or a plus in the middle', () => {
    for (const wrong of WRONG) assert.equal(phones.canonical(wrong), undefined, wrong.slice(0, 60));
  });

  it('is none when its text is longer than forty characters', () => {
    assert.equal(phones.canonical(`+33 6 12 34 56 78${' '.repeat(23)}`), '+33612345678');
    assert.equal(phones.canonical(`+33 6 12 34 56 78${' '.repeat(24)}`), undefined);
  });

  it('of another region is read with its prefix, or as that region’s own', () => {
    const american = phoneNumbers({ region: 'US', countries: ['US'] });
    assert.equal(american.canonical('(415) 555-2671'), '+14155552671');
    assert.equal(american.canonical('1 415 555 2671'), '+14155552671');
    assert.equal(american.canonical('011 33 6 12 34 56 78'), '+33612345678');
    assert.equal(american.canonical('0033612345678'), '+33612345678');
    assert.equal(american.canonical('06 12 34 56 78'), undefined);
    assert.equal(phones.canonical('+1 (415) 555-2671'), '+14155552671');
    assert.equal(phones.canonical('+44 (0)7400 123456'), '+447400123456');
    // A zero that belongs to the number stays (ITU-T E.164; Italy).
    assert.equal(phones.canonical('+39 06 6982 1234'), '+390669821234');
  });

  it('of every country is one in its national, its international and its 00 form, and canonical already', () => {
    for (const country of getCountries()) {
      const example = getExampleNumber(country, examples);
      assert.ok(example, country);
      const here = phoneNumbers({ region: country, countries: [country] });
      const forms = [example.formatNational(), example.formatInternational(), example.number.replace('+', '00')];
      for (const form of [...forms, example.number]) {
        assert.equal(here.canonical(form), example.number, `${country} ${form}`);
      }
      assert.equal(phones.canonical(example.number), example.number);
    }
  });

  it('may be of a range that no metadata knows yet', () => {
    assert.equal(phones.canonical('06 39 98 12 34'), '+33639981234');
    assert.equal(phones.maySend('+33639981234'), true);
  });

  it('knows its country, also where several share a prefix', () => {
    const countries = [
      '+33612345678',
      '+14155552671',
      '+16135550123',
      '+18765551234',
      '+262692123456',
      '+881612345678',
    ];
    assert.deepEqual(countries.map(phones.countryOf), ['FR', 'US', 'CA', 'JM', 'RE', undefined]);
  });

  it('takes SMS in the listed countries alone, and never on a premium line or a landline', () => {
    const may = ['+33612345678', '+33712345678', '+32470123456', '+14155552671'];
    for (const number of may) assert.equal(phones.maySend(number), true, number);
    const mayNot = [
      '+33142345678',
      '+33899123456',
      '+33800123456',
      '+262692123456',
      '+18765551234',
      '+16135550123',
      '+447400123456',
      '+881612345678',
      '+88213123456',
      '+3312',
      '0612345678',
      '+33612345678,+33899123456',
      'ada@example.com',
      '',
    ];
    for (const number of mayNot) assert.equal(phones.maySend(number), false, number);
  });

  it('is shown by its country and its last two digits', () => {
    assert.equal(phones.masked('+33612345678'), '+33 *** 78');
    assert.equal(phones.masked('+14155552671'), '+1 *** 71');
    assert.equal(phones.masked('no number'), '***');
  });

  it('is read in no time, whatever is sent instead of one', () => {
    const start = performance.now();
    for (const hostile of ['(', '-', '+', '0', ' ', '٠', '\u202E'].map((piece) => piece.repeat(40))) {
      for (let count = 0; count < 100; count++) phones.canonical(hostile);
    }
    assert.ok(performance.now() - start < 1000);
  });
});

describe('the countries of the settings', () => {
  it('are those that libphonenumber knows', () => {
    assert.deepEqual([...phoneCountries].sort(), getCountries().sort() satisfies CountryCode[]);
  });
});
