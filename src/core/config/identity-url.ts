/** The v3 URL of an identity service, without a slash at the end. `note`: what was read otherwise than written (spec/cloud.md §7.2, project rule). */
export function identityUrl(text: string): { readonly url: string; readonly note?: string } | { readonly wrong: string } {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.password !== '' || url.search !== '') {
    return { wrong: 'not the URL of an identity service; valid: one that begins with https:// or http://, without user, password and query' };
  }
  const bare = text.replace(/[/#]+$/, '');
  const version = /\/v(\d+)(?:\.\d+)?$/.exec(bare);
  if (version === null) return { url: `${bare}/v3` };
  if (version[1] === '3') return { url: `${bare.slice(0, version.index)}/v3` };
  return { url: `${bare.slice(0, version.index)}/v3`, note: `version ${version[1]} of the identity service is gone; read as …/v3` };
}

/** A name, or `id:` and an id. The domain whose id is `default` has been named Default, default and otherwise: it is meant by its id. */
export const domainText = (name: string | undefined): string => (name === undefined || name === 'default' ? 'id:default' : name);
