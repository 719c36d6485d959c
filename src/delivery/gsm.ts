// 3GPP TS 23.038 §6.2.1, without the line breaks and the escape; one septet each.
const GSM = new Set(
  '@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);

/**
 * A name in the alphabet of one-segment SMS: letters it lacks lose their accents, the rest is left out. One other
 * character would make the whole message UCS-2, of 70 characters a segment.
 */
export function gsmText(text: string, length: number): string {
  return Array.from(text.normalize('NFC'), inGsm).join('').replace(/ +/g, ' ').trim().slice(0, length).trim();
}

function inGsm(character: string): string {
  if (GSM.has(character)) return character;
  if (character === '’') return "'";
  const [base = ''] = character.normalize('NFD');
  return GSM.has(base) ? base : '';
}
