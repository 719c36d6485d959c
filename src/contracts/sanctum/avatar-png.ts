import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const BIT_DEPTH = 1;
const INDEXED_COLOUR = 3;

/**
 * A square picture of two colours, at one bit a pixel.
 *
 * @param size pixels a side, a multiple of eight
 * @see PNG, Third Edition (W3C), 5 and 11.2
 */
export function twoColourPng(
  size: number,
  [paper, ink]: [number, number],
  isInk: (x: number, y: number) => boolean,
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header[8] = BIT_DEPTH;
  header[9] = INDEXED_COLOUR;
  const palette = Buffer.alloc(6);
  palette.writeUIntBE(paper, 0, 3);
  palette.writeUIntBE(ink, 3, 3);
  // Each row begins with the number of its filter: 0, none.
  const rowBytes = 1 + size / 8;
  const rows = Buffer.alloc(size * rowBytes);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const at = y * rowBytes + 1 + (x >> 3);
      if (isInk(x, y)) rows[at] = (rows[at] ?? 0) | (0x80 >> (x & 7));
    }
  }
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const checked = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(checked));
  return Buffer.concat([length, checked, check]);
}
