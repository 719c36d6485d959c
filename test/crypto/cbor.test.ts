import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCbor, readWholeMap } from '../../src/crypto/cbor.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

describe('CBOR', () => {
  it('is read as RFC 8949 appendix A shows it', () => {
    const examples: [string, unknown][] = [
      ['00', 0],
      ['17', 23],
      ['1818', 24],
      ['1903e8', 1000],
      ['1a000f4240', 1_000_000],
      ['20', -1],
      ['3903e7', -1000],
      ['3affffffff', -4_294_967_296],
      ['f4', false],
      ['f5', true],
      ['f6', null],
      ['40', bytes('')],
      ['4401020304', bytes('01020304')],
      ['60', ''],
      ['62c3bc', 'ü'],
      ['83010203', [1, 2, 3]],
      ['8301820203820405', [1, [2, 3], [4, 5]]],
      ['a0', new Map()],
      [
        'a201020304',
        new Map([
          [1, 2],
          [3, 4],
        ]),
      ],
      [
        'a26161016162820203',
        new Map<string, unknown>([
          ['a', 1],
          ['b', [2, 3]],
        ]),
      ],
    ];
    for (const [hex, value] of examples) assert.deepEqual(readCbor(bytes(hex)), { value, end: hex.length / 2 }, hex);
  });

  it('goes no further than the first item, and says where that ends', () => {
    assert.deepEqual(readCbor(bytes('ff0102'), 1), { value: 1, end: 2 });
    assert.throws(() => readWholeMap(bytes('a000')), TypeError);
    assert.throws(() => readWholeMap(bytes('00')), TypeError);
    assert.deepEqual(readWholeMap(bytes('00a0'), 1), new Map());
  });

  it('R108: is refused when it is cut off, ambiguous, or nothing that an authenticator writes', () => {
    const refused: Record<string, string> = {
      nothing: '',
      'a length without its bytes': '18',
      'half a length': '19ff',
      'bytes that are cut off': '4401',
      'text that is cut off': '6461',
      'an array that is cut off': '8301',
      'a map without its last value': 'a1',
      'a map that claims too much': 'a20102',
      'an array of four thousand million': '9affffffff01',
      'a key that is there twice': 'a201010102',
      'a text key that is there twice': 'a2616101616102',
      'a key that is there twice, in two lengths': 'a20101180102',
      'a map as a key': 'a1a000',
      'bytes as a key': 'a1410100',
      'a true key': 'a1f500',
      'text that is no UTF-8': '62fffe',
      'five arrays deep': '818181818101',
      'five maps deep': 'a101a101a101a101a10101',
      'an eight-byte length': '1b0000000000000001',
      'a reserved length': '1c',
      'an indefinite array': '9f01ff',
      'an indefinite map': 'bf0102ff',
      'indefinite bytes': '5f4101ff',
      'a tag': 'c100',
      'a half float': 'f93c00',
      'a float': 'fa3f800000',
      'a double': 'fb3ff0000000000000',
      undefined: 'f7',
      'a simple value': 'f820',
      'a break': 'ff',
    };
    for (const [what, hex] of Object.entries(refused)) {
      assert.throws(() => readCbor(bytes(hex)), TypeError, what);
    }
    assert.throws(() => readCbor(new Uint8Array(60_000).fill(0x81)), TypeError);
    assert.throws(() => readCbor(new Uint8Array(60_000).fill(0xa1)), TypeError);
  });
});
