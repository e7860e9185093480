import type { PipeRule } from './option.ts';

/**
 * What a vacuum pipe may say, per kind of value. A pipe is written by somebody outside the site: nothing of it may reach into the
 * host's files or be more than one word where one word is meant (spec/factory.md §4, rule on paths).
 */
const file = '[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}';
const hostPort = String.raw`[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::\d{1,5})?`;
/** Without user information, quotes, blanks, back-slashes; no segment `..` (see `noDotDot`). */
const url = String.raw`https?:\/\/${hostPort}(?:[/?][A-Za-z0-9._~%+@,=&?:/!$*()#-]{0,1500})?`;
const noDotDot = String.raw`(?!.*(?:^|\/)\.\.(?:\/|$))`;

const rule = (pattern: string, allows: string, more: Pick<PipeRule, 'failClosed'> = {}): PipeRule => ({
  // [^] instead of a final $ alone would let a line feed through; the alternatives never match one.
  pattern: new RegExp(`^${noDotDot}(?:${pattern})$`),
  allows,
  ...more,
});

export const pipeRules = {
  wholeNumber: rule(String.raw`\+?\d{1,12}`, 'digits'),
  trueFalse: rule('[Tt]rue|TRUE|[Ff]alse|FALSE', 'true, false'),
  word: rule('[A-Za-z0-9-]{1,40}', 'letters, digits and hyphens', { failClosed: true }),
  device: rule('[a-z0-9]{1,16}', 'letters a-z and digits', { failClosed: true }),
  fqan: rule(String.raw`\/[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._=-]+){0,20}`, 'an FQAN such as /vo/Role=pilot'),
  rootImage: rule(
    String.raw`${url}|docker:\/\/[A-Za-z0-9][A-Za-z0-9._:@/-]{0,400}|\/cvmfs\/[A-Za-z0-9][A-Za-z0-9._+:@/-]{0,400}|${file}`,
    'a file name without /, or what begins with http://, https://, docker:// or /cvmfs/; letters, digits and the signs of a URL, no /../',
  ),
  userData: rule(`${url}|${file}`, 'a file name without /, or a URL that begins with http:// or https://; no /../'),
  file: rule(file, 'a file name of letters, digits, dot, underscore, plus and hyphen, without /'),
  sha256: rule('[0-9A-Fa-f]{64}', '64 hexadecimal digits', { failClosed: true }),
  kernelArguments: rule(
    '(?:[A-Za-z0-9_.,=:/@%+-]+(?: [A-Za-z0-9_.,=:/@%+-]+){0,100})?',
    'words of letters, digits and _ . , = : / @ % + -, with single blanks between',
  ),
  /** No groups and at most two `.*`, so that matching it against a name takes bounded time. */
  signingDn: {
    ...rule(
      String.raw`(?!(?:.*\.\*){3})(?:[A-Za-z0-9 /=,:@_.^$-]|\\[./-]|\.\*|\[[A-Za-z0-9._-]+\]){1,256}`,
      'a DN in which only . .* \\. [ ] ^ and $ have a special meaning, with .* at most twice',
      {
        failClosed: true,
      },
    ),
  },
  command: rule(String.raw`\/?[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9._-]+){0,20}`, 'a plain path without arguments'),
  repositories: rule(String.raw`(?:[A-Za-z0-9][A-Za-z0-9.-]{0,100}(?: +[A-Za-z0-9][A-Za-z0-9.-]{0,100}){0,50})?`, 'repository names, separated by blanks'),
  paths: rule(
    String.raw`(?:(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){1,20}(?: +(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){1,20}){0,20})?`,
    'absolute paths of letters, digits, dot, underscore and hyphen, separated by blanks',
  ),
  /** Goes nowhere but into the tenant's own user data. */
  text: rule(String.raw`[\u0020-\u007e]{0,8192}`, 'printable ASCII characters on one line'),
} as const satisfies Readonly<Record<string, PipeRule>>;
