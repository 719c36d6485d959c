/**
 * A text as a QR code, to be scanned off a screen: `data:image/png;base64,…`.
 *
 * @see ISO/IEC 18004
 */
export async function qrDataUrl(text: string): Promise<string> {
  // Only an enrolment draws one; until the first, a server does not pay for the library.
  const { toDataURL } = await import('qrcode');
  return toDataURL(text, { type: 'image/png', errorCorrectionLevel: 'M' });
}

/** The same as an SVG picture of 192 by 192. */
export async function qrSvg(text: string): Promise<string> {
  const { toString: draw } = await import('qrcode');
  return draw(text, { type: 'svg', errorCorrectionLevel: 'M', width: 192 });
}
