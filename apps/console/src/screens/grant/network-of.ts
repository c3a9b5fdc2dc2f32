/** A network as the API takes it: of one address alone, that address with the length of its whole prefix. */
export function networkOf(typed: string): string {
  const text = typed.trim();
  if (text === '' || text.includes('/')) return text;
  return text.includes(':') ? `${text}/128` : `${text}/32`;
}
