/**
 * Components of a name in slash form (`/DC=org/CN=x`, a slash in a value as `\/`) or in comma form, which stands the other way round.
 * Undefined: it is neither.
 */
export function nameComponents(text: string): readonly string[] | undefined {
  const parts = text.startsWith('/') ? split(text.slice(1), '/') : split(text, ',').toReversed();
  return parts.every((part) => /^[A-Za-z0-9.]+=./s.test(part)) ? parts : undefined;
}

function split(text: string, separator: string): string[] {
  const parts = [''];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && i + 1 < text.length) parts.push(`${parts.pop() ?? ''}${text[++i]}`);
    else if (text[i] === separator) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${text[i]}`);
  }
  return parts.map((part) => part.trim());
}

/**
 * Whether a certificate's name is the configured one, or that of a proxy of it: the same components from the first to the last, then at most
 * `CN`s of proxies (spec/cloud.md §6.1, project rule). A name that merely begins with the same text is another one.
 */
export function isNameOrProxy(subject: readonly string[], configured: readonly string[]): boolean {
  return (
    configured.length > 0 &&
    configured.every((part, i) => part === subject[i]) &&
    subject.slice(configured.length).every((part) => /^CN=(\d+|proxy|limited proxy)$/.test(part))
  );
}
