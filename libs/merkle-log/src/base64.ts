const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The bytes that `text` encodes in base64 (RFC 4648 section 4, padded), or null unless it is the one canonical spelling of
 * them: two different texts never are the same hash.
 */
export function decodeBase64(text: string): Buffer | null {
  if (!base64Text.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
