const base64urlText = /^[A-Za-z0-9_-]*$/;

/**
 * The bytes that `text` encodes in base64url (RFC 4648 section 5, no padding), or null unless it is the one canonical
 * spelling of them: no `=`, `+`, `/` or white space, no impossible length, no bits set after the last byte. So two
 * different texts never decode to the same bytes, and a token has one spelling only (RFC 8725).
 */
export function decodeBase64url(text: string): Buffer | null {
  if (!base64urlText.test(text) || text.length % 4 === 1) return null;
  const bytes = Buffer.from(text, 'base64url');
  // Re-encoding is the shortest exact test for stray trailing bits; looking at the last letter alone saves
  // microseconds.
  return bytes.toString('base64url') === text ? bytes : null;
}

const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The same for base64 (RFC 4648 section 4), padded: what follows `Basic` (RFC 7617). */
export function decodeBase64(text: string): Buffer | null {
  if (!base64Text.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
