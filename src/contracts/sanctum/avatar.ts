import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { GLYPH_HEIGHT, glyphs } from './avatar-font.ts';
import { twoColourPng } from './avatar-png.ts';

const SIDE = 96;
/** Pixels that a dot of a glyph is wide. */
const DOT = 6;

const INK = 0xffffff;
/** White reads on each of them at 4.5:1 or more (WCAG 2.2: 1.4.3). */
// biome-ignore format: a palette
const PAPERS = [
  0x9b2c2c, 0x9c4221, 0x7b5a10, 0x5f5b2f, 0x276749, 0x285e61,
  0x0b6380, 0x2c5282, 0x434190, 0x6b3fa0, 0x97266d, 0x4a5568,
];

/** Letters that Unicode does not take apart into one of A to Z and a mark. */
// biome-ignore format: a table
const BASES: Record<string, string> = {
  Æ: 'A', Ð: 'D', Đ: 'D', Ħ: 'H', Ł: 'L', Ŋ: 'N', Ø: 'O', Œ: 'O', ẞ: 'S', Þ: 'T', Ŧ: 'T',
};

/** By initials and colour, of which there are far fewer than names: no name is kept here, however long. */
const drawn = new LRUCache<string, string>({ max: 1000 });

/**
 * A picture of somebody who has given none: the initials in white on a colour that stays the name's own, or a figure
 * where the name has no initial that the font draws. `data:image/png;base64,…`, below a kilobyte.
 */
export function avatarOf(person: { firstName: string; lastName: string; username: string }): string {
  const names = [person.firstName, person.lastName].filter((name) => name.trim() !== '');
  const initials = names.length > 0 ? names.flatMap((name) => initialsOf(name, 1)) : initialsOf(person.username, 2);
  const shown = names.length > 0 ? names.join(' ') : person.username;
  const paper = PAPERS[crc32(shown.normalize('NFC')) % PAPERS.length] ?? 0;
  const key = `${paper} ${initials.join('')}`;
  const known = drawn.get(key);
  if (known !== undefined) return known;
  const png = twoColourPng(SIDE, [paper, INK], initials.length > 0 ? textOf(initials) : isFigure);
  const uri = `data:image/png;base64,${png.toString('base64')}`;
  drawn.set(key, uri);
  return uri;
}

/** The first letters or digits of a text, as far as the font has them: signs and symbols before them are passed over. */
function initialsOf(text: string, atMost: number): string[] {
  const initials: string[] = [];
  for (const [letter] of text.matchAll(/[\p{L}\p{N}]/gu).take(atMost)) {
    const [base = ''] = letter.normalize('NFKD').toUpperCase();
    const initial = BASES[base] ?? base;
    if (glyphs.has(initial)) initials.push(initial);
  }
  return initials;
}

/** The letters in the middle of the picture, a dot between them. */
function textOf(letters: readonly string[]): (x: number, y: number) => boolean {
  const rows = Array.from({ length: GLYPH_HEIGHT }, (_, row) =>
    letters.map((letter) => glyphs.get(letter)?.[row] ?? '').join('.'),
  );
  const left = (SIDE - (rows[0]?.length ?? 0) * DOT) / 2;
  const top = (SIDE - GLYPH_HEIGHT * DOT) / 2;
  return (x, y) => rows[Math.floor((y - top) / DOT)]?.[Math.floor((x - left) / DOT)] === '#';
}

/** A head above shoulders. */
function isFigure(x: number, y: number): boolean {
  const within = (centreY: number, radius: number) => (x - SIDE / 2) ** 2 + (y - centreY) ** 2 < radius ** 2;
  return within(37, 16) || within(91, 32);
}
