/** Whether every word of the filter occurs in the text, whatever the case and the accents. */
export function matches(filter: string, text: string): boolean {
  const words = plain(filter).split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const haystack = plain(text);
  return words.every((word) => haystack.includes(word));
}

/** "São Paulo" is found by "sao". */
const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replaceAll(/\p{Diacritic}/gu, '')
    .toLowerCase();
