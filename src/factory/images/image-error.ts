/** An image cannot be used, for a reason that a person can act on. Only the text matters; it names the file or URL. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

/** A path or name as it may be shown. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
  return clean.length <= 300 ? clean : `${clean.slice(0, 299)}…`;
}
