import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32, inflateSync } from 'node:zlib';
import { avatarOf } from '../../../src/contracts/sanctum/avatar.ts';

const SIDE = 96;
const FIGURE = { firstName: 'Борис', lastName: '', username: 'boris' };

const named = (firstName: string, lastName = '', username = '') => avatarOf({ firstName, lastName, username });

/** What a reader of PNG files finds; it takes no chunk, size or filter that is not the one expected. */
function read(uri: string): { paper: number; ink: number; isInk: (x: number, y: number) => boolean } {
  const [, base64 = ''] = /^data:image\/png;base64,([A-Za-z0-9+/]+={0,2})$/.exec(uri) ?? assert.fail(uri);
  const file = Buffer.from(base64, 'base64');
  assert.equal(file.toString('base64'), base64);
  assert.equal(file.toString('hex', 0, 8), '89504e470d0a1a0a');
  const chunks: [string, Buffer][] = [];
  for (let at = 8; at < file.length; ) {
    const end = at + 8 + file.readUInt32BE(at);
    assert.equal(file.readUInt32BE(end), crc32(file.subarray(at + 4, end)));
    chunks.push([file.toString('latin1', at + 4, at + 8), file.subarray(at + 8, end)]);
    at = end + 4;
  }
  assert.deepEqual(
    chunks.map(([type]) => type),
    ['IHDR', 'PLTE', 'IDAT', 'IEND'],
  );
  const [header, palette, data, end] = chunks.map(([, bytes]) => bytes) as [Buffer, Buffer, Buffer, Buffer];
  // Width, height, then bit depth 1, indexed colour, and the only compression, filters and order that there are.
  assert.equal(header.toString('hex'), '00000060000000600103000000');
  assert.deepEqual([palette.length, end.length], [6, 0]);
  const rows = inflateSync(data);
  const rowBytes = 1 + SIDE / 8;
  assert.equal(rows.length, SIDE * rowBytes);
  for (let y = 0; y < SIDE; y += 1) assert.equal(rows[y * rowBytes], 0);
  return {
    paper: palette.readUIntBE(0, 3),
    ink: palette.readUIntBE(3, 3),
    isInk: (x, y) => ((rows[y * rowBytes + 1 + (x >> 3)] ?? 0) & (0x80 >> (x & 7))) !== 0,
  };
}

/** The picture in letters, one for each square of six pixels, without the empty margin. */
function shapeOf(uri: string): string {
  const { isInk } = read(uri);
  const lines: string[] = [];
  // The type stands in the middle: at multiples of six from 27 down and from 15 or 33 across.
  for (let y = 27; y < 69; y += 6) {
    let line = '';
    for (let x = 15; x < 81; x += 6) line += isInk(x, y) && isInk(x + 5, y + 5) ? '#' : '.';
    lines.push(line);
  }
  return lines.join('\n');
}

function inkOf(uri: string): number {
  const { isInk } = read(uri);
  let count = 0;
  for (let y = 0; y < SIDE; y += 1) for (let x = 0; x < SIDE; x += 1) if (isInk(x, y)) count += 1;
  return count;
}

/** WCAG 2.2, relative luminance. */
function luminanceOf(colour: number): number {
  const [red = 0, green = 0, blue = 0] = [colour >> 16, (colour >> 8) & 0xff, colour & 0xff].map((byte) => {
    const part = byte / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe('the picture of initials', () => {
  it('shows the first letters of both names in the middle', () => {
    assert.equal(
      shapeOf(named('Élodie', 'Ødegård')),
      ['#####..###.', '#.....#...#', '#.....#...#', '####..#...#', '#.....#...#', '#.....#...#', '#####..###.'].join(
        '\n',
      ),
    );
  });

  it('has a shape of its own for each letter and digit', () => {
    const uris = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'].map((letter) => named(letter));
    const shapes = new Set(uris.map((uri) => shapeOf(uri)));

    assert.equal(shapes.size, 36);
    assert.ok(!shapes.has(shapeOf(named('Борис'))));
    for (const uri of uris) assert.ok(inkOf(uri) >= 10 * 36 && inkOf(uri) <= 24 * 36, uri);
    assert.notEqual(inkOf(named('A')), inkOf(named('B')));
  });

  it('reads names as people write them', () => {
    const same = [
      [['ada', 'lovelace'], 'AL'],
      [[' Ada ', ' Lovelace'], 'AL'],
      [['E\u0301lodie', 'Łukasz'], 'EL'],
      [['Œdipe', 'ßen'], 'OS'],
      [['Þór', 'Đặng'], 'TD'],
      [['Gerard', '’t Hooft'], 'GT'],
      [['🎉 Ada', '(Lovelace)'], 'AL'],
      [['Ａｄａ', '①'], 'A1'],
      [['Ada', 'Борис'], 'A'],
      [['', 'Lovelace', 'ignored'], 'L'],
      [['', ' ', 'jean.dupont'], 'JE'],
      [['', '', '_7'], '7'],
      [['Борис', '', 'ignored'], ''],
    ] as const;
    for (const [[first, last, username], initials] of same) {
      const expected = initials === '' ? avatarOf(FIGURE) : named(initials[0] ?? '', initials[1]);
      assert.equal(shapeOf(named(first, last, username)), shapeOf(expected), `${first} ${last}`);
    }
  });

  it('is white on a colour that white can be read on, whoever it is', () => {
    const papers = new Set<number>();
    for (let person = 0; person < 500; person += 1) {
      const { ink, paper } = read(named('Ada', `Lovelace ${person}`));
      assert.equal(ink, 0xffffff);
      papers.add(paper);
    }

    assert.equal(papers.size, 12);
    for (const paper of papers) assert.ok(1.05 / (luminanceOf(paper) + 0.05) >= 4.5, paper.toString(16));
  });

  it('keeps a person’s colour, also between versions and ways to encode a name', () => {
    assert.equal(read(named('Ada', 'Lovelace')).paper, 0x5f5b2f);
    assert.equal(read(named('Élodie', 'Ødegård')).paper, 0x285e61);
    assert.equal(named('E\u0301lodie'), named('\u00c9lodie'));
    assert.equal(named('Ada', 'Lovelace', 'ada'), named('Ada', 'Lovelace', 'ada1'));
  });

  it('is a picture below a kilobyte for any name', () => {
    const hostile = [
      '',
      ' \t\n',
      'A'.repeat(4096),
      'ﷺ'.repeat(4096),
      '\u0301'.repeat(4096),
      '.'.repeat(4096),
      'שלום',
      '\u202eada',
      '👩‍👩‍👧‍👦',
      '\ud83d',
      '\udc69x',
      '\0',
      '__proto__',
      'constructor',
      '"><script>',
      'ß',
      'ŉ',
      'ﬃ',
      '½',
      '𝔄da',
    ];
    for (const one of hostile) {
      for (const other of hostile) {
        const uri = named(one, other, `${other}${one}`);
        assert.ok(uri.length < 1024, `${uri.length}`);
        assert.ok(inkOf(uri) > 0, uri);
      }
    }
    assert.equal(shapeOf(named('', '', '')), shapeOf(avatarOf(FIGURE)));
  });
});
