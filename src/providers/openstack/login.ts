import type { OpenStackApi } from '../../core/cloud/settings.ts';

/** `id:` and an id, or a name. */
const named = (text: string): { id: string } | { name: string } => (text.startsWith('id:') ? { id: text.slice(3) } : { name: text });

/** Body of a sign-in at identity v3 (spec/cloud.md §7.2). An application credential has a scope of its own, and takes no other. */
export function loginBody(login: OpenStackApi['login'], secret: string): object {
  switch (login.method) {
    case 'password': {
      const user = login.username.startsWith('id:') ? { id: login.username.slice(3) } : { name: login.username, domain: named(login.userDomain) };
      return { auth: { identity: { methods: ['password'], password: { user: { ...user, password: secret } } }, scope: scope(login) } };
    }
    case 'application-credential':
      return { auth: { identity: { methods: ['application_credential'], application_credential: { id: login.id, secret } } } };
    case 'token':
      return { auth: { identity: { methods: ['token'], token: { id: secret } }, scope: scope(login) } };
  }
}

const scope = (login: { readonly project: string; readonly projectDomain: string }): object => {
  const project = named(login.project);
  return { project: 'id' in project ? project : { ...project, domain: named(login.projectDomain) } };
};

/** The secret of a login, wherever it is kept. */
export function secretOf(login: OpenStackApi['login']) {
  switch (login.method) {
    case 'password':
      return login.password;
    case 'application-credential':
      return login.secret;
    case 'token':
      return login.token;
  }
}
