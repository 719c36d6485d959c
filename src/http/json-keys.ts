/**
 * Whether some object of a JSON text names a key twice, or in two cases: two readers could take different values of it (R140).
 *
 * @param text valid JSON; a parser has read it
 */
export function repeatsKey(text: string): boolean {
  const objects: (Set<string> | undefined)[] = [];
  for (let index = 0; index < text.length; index += 1) {
    switch (text[index]) {
      case '{':
        objects.push(new Set());
        break;
      case '[':
        objects.push(undefined);
        break;
      case '}':
      case ']':
        objects.pop();
        break;
      case '"': {
        const end = endOfString(text, index);
        const keys = objects.at(-1);
        if (keys && isKey(text, end)) {
          const key = (JSON.parse(text.slice(index, end + 1)) as string).toLowerCase();
          if (keys.has(key)) return true;
          keys.add(key);
        }
        index = end;
      }
    }
  }
  return false;
}

function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index;
}

function isKey(text: string, end: number): boolean {
  let index = end + 1;
  while (' \t\r\n'.includes(text[index] ?? '.')) index += 1;
  return text[index] === ':';
}
