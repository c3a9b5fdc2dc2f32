const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** By character code. */
const sextets = new Uint8Array(128);
for (let value = 0; value < alphabet.length; value++) sextets[alphabet.charCodeAt(value)] = value;

/**
 * The bytes that `text` encodes in base64 (RFC 4648 section 4, padded), or null unless it is the one canonical spelling of
 * them: two different texts never are the same hash. Of no runtime: a browser has no Buffer.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!base64Text.test(text)) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let [bits, held, to] = [0, 0, 0];
  for (let at = 0; at < text.length - padding; at++) {
    bits = ((bits << 6) | sextets[text.charCodeAt(at)]!) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[to++] = bits >> held;
  }
  // What is left over encodes nothing: other bits there would be another spelling.
  return (bits & ((1 << held) - 1)) === 0 ? bytes : null;
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
